// What is watched, and who is told. docs/operate.md says for each alert what it means and what to do.

@description('The Application Insights component that has the metrics.')
param componentId string

param location string
param tags object

@description('Address that alerts are sent to; empty for none.')
param email string

var alerts = loadJsonContent('alerts.json')
var receivers = empty(email) ? [] : [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'upload-sessions'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'uploads'
    emailReceivers: receivers
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: {
    name: 'uploads-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Upload sessions: ${alert.title}'
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [componentId]
      windowSize: alert.window
      evaluationFrequency: alert.frequency
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: join(alert.query, '\n')
            timeAggregation: 'Count'
            operator: alert.fires == 'with rows' ? 'GreaterThan' : 'LessThan'
            threshold: alert.fires == 'with rows' ? 0 : 1
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [operators.id]
      }
    }
  }
]
