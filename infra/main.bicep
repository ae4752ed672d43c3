// One environment of the service: a resource group with everything in it. `azd up` deploys this file with the values of
// main.parameters.json; docs/deploy.md describes each parameter.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; part of the names of all resources.')
param environmentName string

@minLength(1)
// Those that azd offers: the regions with Flex Consumption in Microsoft's own template (November 2025,
// Azure-Samples/functions-quickstart-python-http-azd). Others, such as those of sovereign clouds, have to be added.
@allowed([
  'australiaeast', 'australiasoutheast', 'brazilsouth', 'canadacentral', 'centralindia', 'centralus', 'eastasia'
  'eastus', 'eastus2', 'eastus2euap', 'francecentral', 'germanywestcentral', 'italynorth', 'japaneast'
  'koreacentral', 'northcentralus', 'northeurope', 'norwayeast', 'southafricanorth', 'southcentralus'
  'southeastasia', 'southindia', 'spaincentral', 'swedencentral', 'uaenorth', 'uksouth', 'ukwest', 'westcentralus'
  'westeurope', 'westus', 'westus2', 'westus3'
])
@metadata({
  azd: {
    type: 'location'
  }
})
@description('Region of all resources. It has to offer Flex Consumption.')
param location string

@description('Client id of an app registration that exists. Empty: one is created, which the deployer must be allowed to do.')
param clientId string = ''

@description('App ID URI of that registration. Empty: api:// and the client id.')
param identifierUri string = ''

@allowed([512, 2048, 4096])
@description('Memory of one instance. 2,048 MB come with one core. See maxBodyBytes.')
param instanceMemoryMB int = 2048

@minValue(40)
@maxValue(1000)
@description('Instances that the app may scale out to.')
param maximumInstanceCount int = 40

@minValue(1)
@maxValue(1000)
@description('Requests that one instance serves at the same time before another one is started. See maxBodyBytes.')
param httpConcurrency int = 8

// The host holds 5.7 bytes for each byte of a body, whoever sends it: preflight.py has the rule that these three keep.
@minValue(1048576)
@description('Bytes of the largest body that the host takes.')
param maxBodyBytes int = 33554432

@minValue(0)
@maxValue(1000)
@description('Instances that always run, so that no request waits for a start. Each costs money while it is idle.')
param alwaysReadyInstances int = 0

@description('Whether instances are spread over the zones of the region, where it has zones.')
param zoneRedundant bool = false

@allowed(['Recreate', 'RollingUpdate'])
@description('What a deployment does to requests in flight: Recreate ends them, RollingUpdate (a preview) lets them finish.')
param updateStrategy string = 'Recreate'

@description('Whether storage is reached through a virtual network only.')
param virtualNetwork bool = false

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
@description('Redundancy of the account with the sessions and files. Zones (ZRS) are not offered in every region.')
param dataRedundancy string = 'Standard_ZRS'

@minValue(1)
@maxValue(365)
@description('Days for which deleted blobs and containers can be restored.')
param softDeleteDays int = 14

@minValue(30)
@maxValue(730)
@description('Days for which logs, traces and metrics are kept.')
param logRetentionDays int = 90

@minValue(1)
@description('Gigabytes of telemetry a day, after which no more is taken until the next day.')
param dailyTelemetryGB int = 1

@description('Address that alerts are sent to. Empty: alerts are raised, and no mail is sent.')
param alertEmail string = ''

@minValue(1)
@description('Bytes that one uploaded file may have, decompressed (UPLOADS_MAX_FILE_BYTES).')
param maxFileBytes int = 335544320

@description('Base of every link in an answer, where callers use another address than the app\'s own (UPLOADS_PUBLIC_URL).')
param publicUrl string = ''

@description('Where complete sessions are forwarded to, such as https://graph.microsoft.com/v1.0. Empty: nowhere (docs/deliveries.md).')
param forwardUrl string = ''

@description('Scope of the token for it.')
param forwardScope string = 'https://graph.microsoft.com/.default'

@allowed(['all', 'listed'])
@description('Which resources are forwarded.')
param forwardResources string = 'all'

@description('Column layouts that the target accepts, comma-separated.')
param forwardLayouts string = 'graph,extended'

@allowed(['upload', 'graph'])
@description('Where the directory comes from; graph needs the permission User.Read.All (docs/directory.md).')
param directorySource string = 'upload'

@description('Where events are sent to: a webhook, or a topic of Azure Event Grid. Empty: nowhere.')
param eventsUrl string = ''

@secure()
@description('Secret that signs events to a webhook. Empty: they are not signed.')
param eventsSecret string = ''

@minValue(0)
@maxValue(100)
@description('How much fewer rows than the last complete session one may have, in percent; 100 is no limit.')
param maxShrinkPercent int = 50

@minValue(0)
@description('How many more rows than the last complete session one may have, in percent.')
param maxGrowthPercent int = 300

@description('Further app settings by name, such as { UPLOADS_IDLE_SECONDS: \'14400\' }.')
param settings object = {}

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }

// Known at the start, and not taken from modules, so that a preview (azd provision --preview) can tell every resource.
var hostStorageName = 'sthost${token}'
var dataStorageName = 'stdata${token}'
var componentName = 'appi-uploads-${token}'
var identityName = 'id-uploads-${token}'

// Known before the app exists. The registration is created in the public cloud only.
var defaultUrl = 'https://func-uploads-${token}.azurewebsites.net'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: identityName
    location: location
    tags: tags
  }
}

module entra 'entra.bicep' = if (empty(clientId)) {
  name: 'entra'
  scope: group
  params: {
    uniqueName: 'uploads-${token}'
    displayName: 'Upload sessions (${environmentName})'
    identifierUri: ownIdentifierUri
    redirectUri: '${empty(publicUrl) ? defaultUrl : publicUrl}/uploads'
  }
}

var audienceClientId = empty(clientId) ? entra!.outputs.clientId : clientId
var ownIdentifierUri = 'api://${tenant().tenantId}/uploads-${token}'
var givenIdentifierUri = empty(identifierUri) ? 'api://${clientId}' : identifierUri
var audienceUri = empty(clientId) ? ownIdentifierUri : givenIdentifierUri

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-uploads-${token}'
    componentName: componentName
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyQuotaGB: dailyTelemetryGB
    alertEmail: alertEmail
  }
}

// Two accounts: who operates the app (its keys, locks and packages) need not be able to read what it collects.
module hostStorage 'storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: hostStorageName
    location: location
    tags: tags
    // It holds locks and the deployment package, which a deployment writes anew.
    redundancy: 'Standard_LRS'
    softDeleteDays: softDeleteDays
    privateOnly: virtualNetwork
    containers: ['packages']
    workspaceId: monitoring.outputs.workspaceId
  }
}

module dataStorage 'storage.bicep' = {
  name: 'data-storage'
  scope: group
  params: {
    name: dataStorageName
    location: location
    tags: tags
    redundancy: dataRedundancy
    softDeleteDays: softDeleteDays
    privateOnly: virtualNetwork
    // The app creates its container and tables itself.
    containers: []
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'network.bicep' = if (virtualNetwork) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-uploads-${token}'
    location: location
    tags: tags
    hostStorageName: hostStorageName
    dataStorageName: dataStorageName
  }
  dependsOn: [hostStorage, dataStorage]
}

module roles 'roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    identityName: identityName
    hostStorageName: hostStorageName
    dataStorageName: dataStorageName
    componentName: componentName
  }
  dependsOn: [identity, hostStorage, dataStorage, monitoring]
}

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: 'func-uploads-${token}'
    planName: 'plan-uploads-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostBlobEndpoint: hostStorage.outputs.blobEndpoint
    packageContainer: 'packages'
    dataBlobEndpoint: dataStorage.outputs.blobEndpoint
    dataTableEndpoint: dataStorage.outputs.tableEndpoint
    dataQueueEndpoint: dataStorage.outputs.queueEndpoint
    telemetryConnectionString: monitoring.outputs.connectionString
    subnetId: virtualNetwork ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    updateStrategy: updateStrategy
    audience: '${audienceClientId},${audienceUri}'
    maxBodyBytes: maxBodyBytes
    maxFileBytes: maxFileBytes
    publicUrl: publicUrl
    forwardUrl: forwardUrl
    forwardScope: forwardScope
    forwardResources: forwardResources
    forwardLayouts: forwardLayouts
    directorySource: directorySource
    eventsUrl: eventsUrl
    eventsSecret: eventsSecret
    maxShrinkPercent: maxShrinkPercent
    maxGrowthPercent: maxGrowthPercent
    settings: settings
  }
  // Without its roles the app could not read its package.
  dependsOn: [roles]
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_NAME string = app.outputs.name
output DEPLOYED_URL string = empty(publicUrl) ? app.outputs.url : publicUrl
// To permit the app to forward sessions, and to send events to a topic.
output DEPLOYED_PRINCIPAL_ID string = identity.outputs.principalId
output DEPLOYED_CLIENT_ID string = audienceClientId
output DEPLOYED_IDENTIFIER_URI string = audienceUri
output DEPLOYED_DATA_ACCOUNT string = dataStorageName
