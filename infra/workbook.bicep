// The page for operators: the charts and tables that docs/operate.md refers to.

param componentId string
param location string
param tags object

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(componentId, 'upload-sessions')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Upload sessions'
    category: 'workbook'
    sourceId: componentId
    serializedData: loadTextContent('workbook.json')
  }
}
