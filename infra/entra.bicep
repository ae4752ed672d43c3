// The app registration in Microsoft Entra: who may get a token for the service, and what a token can say.
// register_app.py does the same for an administrator who runs a script instead.
extension microsoftGraphV1

@description('The registration\'s key: the same name is the same registration at the next deployment.')
param uniqueName string

param displayName string

@description('App ID URI. With the tenant\'s id in it, which Entra demands by default.')
param identifierUri string

@description('Where the page at /uploads receives the answer of a sign-in.')
param redirectUri string

// Roles of programs, people and groups; what a client may do for the person who uses it. A person's right is both: an
// administrator consents to a scope for everybody. Entra wants a role and a scope with the same value to have the same
// id and texts.
var permissions = loadJsonContent('permissions.json')

resource registration 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  signInAudience: 'AzureADMyOrg'
  identifierUris: [identifierUri]
  spa: {
    redirectUris: [redirectUri]
  }
  // Grants can name groups; a token then lists those groups that are assigned to the app.
  groupMembershipClaims: 'ApplicationGroup'
  appRoles: permissions.appRoles
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: permissions.oauth2PermissionScopes
  }
}

module page 'entra-page.bicep' = {
  name: 'entra-page'
  params: {
    uniqueName: uniqueName
    displayName: displayName
    clientId: registration.appId
    scopes: permissions.oauth2PermissionScopes
  }
}

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: registration.appId
  // Nobody gets a token for the service unless they are assigned to it.
  appRoleAssignmentRequired: true
}

output clientId string = registration.appId
