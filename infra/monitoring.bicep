// Where logs, traces and metrics go: Application Insights on a workspace of its own.

param workspaceName string
param componentName string
param location string
param tags object

@description('Days for which the data is kept.')
param retentionDays int

@description('Gigabytes a day. In OpenTelemetry mode the host samples nothing, so this is what limits the bill.')
param dailyQuotaGB int

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGB
    }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    // Telemetry is taken from identities with a role only.
    DisableLocalAuth: true
  }
}

output workspaceId string = workspace.id
output componentId string = component.id
output componentName string = component.name
// No secret: it says where to send telemetry, and local authentication is off.
output connectionString string = component.properties.ConnectionString
