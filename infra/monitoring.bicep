// Where logs, traces and metrics go, Application Insights on a workspace of its own, and what looks at them.

param workspaceName string
param componentName string
param location string
param tags object

@description('Days for which the data is kept.')
param retentionDays int

@description('Gigabytes a day. In OpenTelemetry mode the host samples nothing, so this is what limits the bill.')
param dailyQuotaGB int

@description('Address that alerts are sent to; empty for none.')
param alertEmail string

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

module alerts 'alerts.bicep' = {
  name: 'alerts'
  params: {
    componentId: component.id
    location: location
    tags: tags
    email: alertEmail
  }
}

module workbook 'workbook.bicep' = {
  name: 'workbook'
  params: {
    componentId: component.id
    location: location
    tags: tags
  }
}

output workspaceId string = workspace.id
// No secret: it says where to send telemetry, and local authentication is off.
output connectionString string = component.properties.ConnectionString
