"""What the service needs in Azure and in Microsoft Entra, and the scripts around a deployment."""
