package import S3Model

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where the public AWS regions are, to about a city: only their order by distance matters. Source: the places AWS names
/// for its regions ("Regions and Zones").
package enum RegionLocations {
    /// `nil` for names that are not AWS regions.
    package static func coordinate(of region: RegionName) -> Coordinate? { table[region.rawValue] }

    /// Kilometres on a sphere of mean Earth radius (haversine).
    package static func greatCircle(_ start: Coordinate, _ end: Coordinate) -> Double {
        let radians = Double.pi / 180
        let latitudes = sin((end.latitude - start.latitude) * radians / 2)
        let longitudes = sin((end.longitude - start.longitude) * radians / 2)
        let chord =
            latitudes * latitudes
            + cos(start.latitude * radians) * cos(end.latitude * radians) * longitudes * longitudes
        return 2 * 6371.0088 * asin(min(1, chord.squareRoot()))
    }

    private static let table: [String: Coordinate] = [
        "af-south-1": Coordinate(-33.92, 18.42),
        "ap-east-1": Coordinate(22.32, 114.17),
        "ap-east-2": Coordinate(25.03, 121.57),
        "ap-northeast-1": Coordinate(35.68, 139.69),
        "ap-northeast-2": Coordinate(37.57, 126.98),
        "ap-northeast-3": Coordinate(34.69, 135.50),
        "ap-south-1": Coordinate(19.08, 72.88),
        "ap-south-2": Coordinate(17.39, 78.49),
        "ap-southeast-1": Coordinate(1.35, 103.82),
        "ap-southeast-2": Coordinate(-33.87, 151.21),
        "ap-southeast-3": Coordinate(-6.21, 106.85),
        "ap-southeast-4": Coordinate(-37.81, 144.96),
        "ap-southeast-5": Coordinate(3.14, 101.69),
        "ap-southeast-6": Coordinate(-36.85, 174.76),
        "ap-southeast-7": Coordinate(13.76, 100.50),
        "ca-central-1": Coordinate(45.50, -73.57),
        "ca-west-1": Coordinate(51.05, -114.07),
        "cn-north-1": Coordinate(39.90, 116.41),
        "cn-northwest-1": Coordinate(37.50, 105.20),
        "eu-central-1": Coordinate(50.11, 8.68),
        "eu-central-2": Coordinate(47.38, 8.54),
        "eu-north-1": Coordinate(59.33, 18.07),
        "eu-south-1": Coordinate(45.46, 9.19),
        "eu-south-2": Coordinate(41.65, -0.89),
        "eu-west-1": Coordinate(53.35, -6.26),
        "eu-west-2": Coordinate(51.51, -0.13),
        "eu-west-3": Coordinate(48.86, 2.35),
        "eusc-de-east-1": Coordinate(52.41, 12.53),
        "il-central-1": Coordinate(32.09, 34.78),
        "me-central-1": Coordinate(24.45, 54.38),
        "me-south-1": Coordinate(26.07, 50.56),
        "mx-central-1": Coordinate(20.59, -100.39),
        "sa-east-1": Coordinate(-23.55, -46.63),
        "us-east-1": Coordinate(38.95, -77.45),
        "us-east-2": Coordinate(39.96, -83.00),
        "us-gov-east-1": Coordinate(40.00, -83.10),
        "us-gov-west-1": Coordinate(45.60, -121.10),
        "us-west-1": Coordinate(37.35, -121.96),
        "us-west-2": Coordinate(45.84, -119.70),
    ]
}
