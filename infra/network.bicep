// A virtual network through which alone storage is reached: a subnet for the app, one for the private endpoints.

param name string
param location string
param tags object
param hostStorageName string
param dataStorageName string

resource appRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-app'
  location: location
  tags: tags
}

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-endpoints'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'https-from-the-app'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: '10.0.0.0/24'
          sourcePortRange: '*'
          destinationAddressPrefix: '10.0.1.0/24'
          destinationPortRange: '443'
        }
      }
      {
        name: 'nothing-else'
        properties: {
          priority: 200
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource vnet 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: ['10.0.0.0/16']
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.0.0.0/24'
          networkSecurityGroup: {
            id: appRules.id
          }
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.0.1.0/24'
          networkSecurityGroup: {
            id: endpointRules.id
          }
          // Else the rules above would not hold for private endpoints.
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

resource blobZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink.blob.${environment().suffixes.storage}'
  location: 'global'
  tags: tags
}

resource blobLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: blobZone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: vnet.id
    }
  }
}

resource tableZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink.table.${environment().suffixes.storage}'
  location: 'global'
  tags: tags
}

resource tableLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: tableZone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: vnet.id
    }
  }
}

resource queueZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink.queue.${environment().suffixes.storage}'
  location: 'global'
  tags: tags
}

resource queueLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: queueZone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: vnet.id
    }
  }
}

module hostBlobs 'private-endpoint.bicep' = {
  name: 'host-blob-endpoint'
  params: {
    storageName: hostStorageName
    service: 'blob'
    subnetId: '${vnet.id}/subnets/endpoints'
    zoneId: blobZone.id
    location: location
    tags: tags
  }
}

module dataBlobs 'private-endpoint.bicep' = {
  name: 'data-blob-endpoint'
  params: {
    storageName: dataStorageName
    service: 'blob'
    subnetId: '${vnet.id}/subnets/endpoints'
    zoneId: blobZone.id
    location: location
    tags: tags
  }
}

module dataTables 'private-endpoint.bicep' = {
  name: 'data-table-endpoint'
  params: {
    storageName: dataStorageName
    service: 'table'
    subnetId: '${vnet.id}/subnets/endpoints'
    zoneId: tableZone.id
    location: location
    tags: tags
  }
}

module dataQueues 'private-endpoint.bicep' = {
  name: 'data-queue-endpoint'
  params: {
    storageName: dataStorageName
    service: 'queue'
    subnetId: '${vnet.id}/subnets/endpoints'
    zoneId: queueZone.id
    location: location
    tags: tags
  }
}

output appSubnetId string = '${vnet.id}/subnets/app'
