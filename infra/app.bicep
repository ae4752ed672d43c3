// The function app on a Flex Consumption plan of its own, and its settings.

param name string
param planName string
param location string
param tags object

@description('Resource id and client id of the identity that the app uses for everything.')
param identityId string
param identityClientId string

@description('The host\'s own storage account, and the container of the deployment package in it.')
param hostBlobEndpoint string
param packageContainer string

@description('The storage account of the sessions and files.')
param dataBlobEndpoint string
param dataTableEndpoint string
param dataQueueEndpoint string

param telemetryConnectionString string

@description('Subnet for outgoing traffic; empty for none.')
param subnetId string

param instanceMemoryMB int
param maximumInstanceCount int
param httpConcurrency int
param alwaysReadyInstances int
param zoneRedundant bool
param updateStrategy string

@description('Accepted audiences of access tokens, comma-separated.')
param audience string

param maxBodyBytes int
param maxFileBytes int
param publicUrl string

@description('Deliveries of complete sessions (docs/deliveries.md). Without a URL, nothing is forwarded or sent.')
param forwardUrl string
param forwardScope string
param forwardResources string
param forwardLayouts string

@description('Where the directory of users comes from (docs/directory.md).')
param directorySource string
param eventsUrl string
@secure()
param eventsSecret string

param maxShrinkPercent int
param maxGrowthPercent int

@description('Further app settings by name; they win over those below.')
param settings object

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  // azd finds the app by this tag.
  tags: union(tags, { 'azd-service-name': 'uploads' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyInstances }]
        triggers: {
          http: {
            // Always set: the platform's default for Python is one request at a time.
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
      // "Site update strategies in Flex Consumption" (Microsoft) has it. Bicep's types of this version do not.
      #disable-next-line BCP037
      siteUpdateStrategy: {
        type: updateStrategy
      }
    }
  }
}

// Deployments come with an identity. A publishing profile would be a password.
resource ftpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // The host's own start page would tell strangers that something is here.
  AzureWebJobsDisableHomepage: 'true'
  // The host refuses larger bodies with 500. It reads all others into memory before the app is called, so the number of
  // requests at a time counts, too: the host holds to it by itself, whatever the platform sends to the instance.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(maxBodyBytes)
  AzureFunctionsJobHost__extensions__http__maxConcurrentRequests: string(httpConcurrency)
}

var telemetrySettings = {
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // They would add a third to the cost of each measurement.
  OTEL_METRICS_EXEMPLAR_FILTER: 'always_off'
  // The host makes the span of a request, and the app those within it. Other instrumentation would add duplicates.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,psycopg2,requests,urllib,urllib3'
}

var uploadsSettings = {
  UPLOADS_STORAGE__blobServiceUri: dataBlobEndpoint
  UPLOADS_STORAGE__tableServiceUri: dataTableEndpoint
  UPLOADS_STORAGE__queueServiceUri: dataQueueEndpoint
  UPLOADS_STORAGE__credential: 'managedidentity'
  UPLOADS_STORAGE__clientId: identityClientId
  UPLOADS_AUTH: 'entra'
  UPLOADS_TENANT_ID: tenant().tenantId
  UPLOADS_AUDIENCE: audience
  UPLOADS_MAX_FILE_BYTES: string(maxFileBytes)
  UPLOADS_DIRECTORY_SOURCE: directorySource
  UPLOADS_MAX_SHRINK_PERCENT: string(maxShrinkPercent)
  UPLOADS_MAX_GROWTH_PERCENT: string(maxGrowthPercent)
}

var forwardSettings = {
  UPLOADS_FORWARD_URL: forwardUrl
  UPLOADS_FORWARD_SCOPE: forwardScope
  UPLOADS_FORWARD_RESOURCES: forwardResources
  UPLOADS_FORWARD_LAYOUTS: forwardLayouts
  // Graph may accept a file with names, and find no user. Of an application with logins, the directory knows the ids.
  UPLOADS_REQUIRE_OBJECT_IDS: 'true'
}
var eventsSecretSettings = empty(eventsSecret) ? {} : { UPLOADS_EVENTS_SECRET: eventsSecret }

// Only where they differ from the public cloud, and from the app's own address.
var isPublicCloud = environment().name == 'AzureCloud'
var authoritySettings = isPublicCloud ? {} : { UPLOADS_AUTHORITY: environment().authentication.loginEndpoint }
var isChina = environment().name == 'AzureChinaCloud'
// Its loginEndpoint (https://login.chinacloudapi.cn) is not the issuer of its tokens ("National clouds", Microsoft).
var chinaAuthorities = {
  UPLOADS_AUTHORITY: 'https://login.partner.microsoftonline.cn'
  UPLOADS_AUTHORITY_V1: 'https://sts.chinacloudapi.cn'
}
var chinaSettings = isChina ? chinaAuthorities : {}
var publicUrlSettings = empty(publicUrl) ? {} : { UPLOADS_PUBLIC_URL: publicUrl }

resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    hostSettings,
    telemetrySettings,
    uploadsSettings,
    authoritySettings,
    chinaSettings,
    publicUrlSettings,
    empty(forwardUrl) ? {} : forwardSettings,
    empty(eventsUrl) ? {} : union({ UPLOADS_EVENTS_URL: eventsUrl }, eventsSecretSettings),
    settings
  )
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
