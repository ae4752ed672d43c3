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

// For programs an app role, for people a scope. Entra wants both to have the same id and texts if their value is the same.
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
  appRoles: [
    for permission in permissions: {
      id: permission.id
      value: permission.value
      displayName: permission.displayName
      description: permission.description
      allowedMemberTypes: ['Application']
      isEnabled: true
    }
  ]
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: concat(
      map(permissions, permission => {
        id: permission.id
        value: permission.value
        type: 'Admin'
        adminConsentDisplayName: permission.displayName
        adminConsentDescription: permission.description
        isEnabled: true
      }),
      [
        {
          // Says who somebody is, and nothing else: for people whose rights are grants.
          id: '3c1b7f0e-6d0a-4b52-9f0b-6a6f2f7c1d03'
          value: 'access_as_user'
          type: 'User'
          adminConsentDisplayName: 'Sign in to upload sessions'
          adminConsentDescription: 'Call the service as the signed-in user, with the access that was granted to them.'
          userConsentDisplayName: 'Sign in to upload sessions'
          userConsentDescription: 'Call the service as you, with the access that was granted to you.'
          isEnabled: true
        }
      ]
    )
  }
}

resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: registration.appId
  // Nobody gets a token for the service unless they are assigned to it.
  appRoleAssignmentRequired: true
}

output clientId string = registration.appId
