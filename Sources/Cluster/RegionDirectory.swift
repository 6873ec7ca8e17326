package import S3Model

/// A point on the globe, in degrees.
package struct Coordinate: Sendable, Hashable {
    package let latitude: Double
    package let longitude: Double

    /// `nil` outside ±90 and ±180 degrees.
    package init?(latitude: Double, longitude: Double) {
        guard (-90.0...90.0).contains(latitude), (-180.0...180.0).contains(longitude) else { return nil }
        self.latitude = latitude
        self.longitude = longitude
    }

    init(_ latitude: Double, _ longitude: Double) {
        self.latitude = latitude
        self.longitude = longitude
    }
}

/// The regions of this installation and how far they are from each other. Immutable; distances between them are worked
/// out once, since every routed request asks for them.
package struct RegionDirectory: Sendable {
    /// What a region without coordinates is away from every other one, in kilometres: farther than any two points on
    /// Earth.
    package static let unknownDistance = 25_000.0

    /// In name order.
    package let regions: [RegionName]
    private let coordinates: [RegionName: Coordinate]
    private let table: [RegionName: [RegionName: Double]]

    /// `coordinates` adds to and overrides the table of AWS regions.
    package init(regions: [RegionName], coordinates: [RegionName: Coordinate] = [:]) {
        let sorted = Set(regions).sorted()
        self.regions = sorted
        self.coordinates = coordinates
        var table: [RegionName: [RegionName: Double]] = [:]
        for from in sorted {
            for to in sorted { table[from, default: [:]][to] = Self.compute(from: from, to: to, coordinates) }
        }
        self.table = table
    }

    package func contains(_ region: RegionName) -> Bool { table[region] != nil }

    package func coordinate(of region: RegionName) -> Coordinate? {
        coordinates[region] ?? RegionLocations.coordinate(of: region)
    }

    /// Kilometres on a great circle; 0 to itself, ``unknownDistance`` where a place is not known.
    package func distance(from: RegionName, to: RegionName) -> Double {
        table[from]?[to] ?? Self.compute(from: from, to: to, coordinates)
    }

    /// Estimated milliseconds there and back: light in fibre, on paths a third longer than the great circle, and 1 ms for
    /// the ends. An estimate for display and for simulated links, never a measurement.
    package func roundTripMilliseconds(from: RegionName, to: RegionName) -> Double {
        from == to ? 0.5 : 1 + distance(from: from, to: to) * 2 / 200 * 1.33
    }

    /// Every region of the installation, nearest first; equal distances by name.
    package func byDistance(from home: RegionName) -> [RegionName] {
        regions.map { (region: $0, distance: distance(from: home, to: $0)) }
            .sorted { $0.distance != $1.distance ? $0.distance < $1.distance : $0.region < $1.region }
            .map(\.region)
    }

    private static func compute(from: RegionName, to: RegionName, _ coordinates: [RegionName: Coordinate]) -> Double {
        if from == to { return 0 }
        guard let start = coordinates[from] ?? RegionLocations.coordinate(of: from),
            let end = coordinates[to] ?? RegionLocations.coordinate(of: to)
        else { return unknownDistance }
        return RegionLocations.greatCircle(start, end)
    }
}
