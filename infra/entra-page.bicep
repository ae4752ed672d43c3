// The registration once more, as the client with which the page signs people in: it lists the permissions that it asks
// for, or Entra refuses (AADSTS650057). They are its own, and its client id is not known before it is created. What is
// not mentioned here stays as it is ("Upsert application", Microsoft Graph).
extension microsoftGraphV1

@description('The registration\'s key.')
param uniqueName string

param displayName string

@description('Its client id.')
param clientId string

@description('The scopes that it offers.')
param scopes array

resource registration 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  requiredResourceAccess: [
    {
      resourceAppId: clientId
      resourceAccess: map(scopes, scope => { id: scope.id, type: 'Scope' })
    }
  ]
}
