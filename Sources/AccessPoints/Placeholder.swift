enum AccessPointsPlaceholder {}
