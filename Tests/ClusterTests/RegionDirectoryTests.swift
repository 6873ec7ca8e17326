import S3Model
import Testing

@testable import Cluster

@Suite struct RegionDirectoryTests {
    private let virginia = RegionName(literal: "us-east-1")
    private let ireland = RegionName(literal: "eu-west-1")
    private let tokyo = RegionName(literal: "ap-northeast-1")
    private let garage = RegionName(literal: "garage")

    @Test func distancesAreThoseOnTheGlobe() {
        let directory = RegionDirectory(regions: [virginia, ireland, tokyo])
        #expect(directory.distance(from: virginia, to: virginia) == 0)
        // Washington-Dublin and Dublin-Tokyo on a great circle.
        #expect(abs(directory.distance(from: virginia, to: ireland) - 5_470) < 50)
        #expect(abs(directory.distance(from: ireland, to: tokyo) - 9_590) < 60)
        #expect(directory.distance(from: ireland, to: virginia) == directory.distance(from: virginia, to: ireland))
        #expect(directory.byDistance(from: ireland) == [ireland, virginia, tokyo])
        #expect(directory.roundTripMilliseconds(from: virginia, to: ireland) > 50)
        #expect(directory.roundTripMilliseconds(from: virginia, to: ireland) < 100)
    }

    @Test func unknownRegionsAreFarUntilTheyHaveCoordinates() throws {
        let unknown = RegionDirectory(regions: [garage, virginia, tokyo])
        #expect(unknown.distance(from: garage, to: virginia) == RegionDirectory.unknownDistance)
        #expect(unknown.byDistance(from: garage) == [garage, tokyo, virginia], "equal distances go by name")
        let place = try #require(Coordinate(latitude: 52.5, longitude: 13.4))
        let known = RegionDirectory(regions: [garage, virginia, tokyo], coordinates: [garage: place])
        #expect(known.byDistance(from: garage) == [garage, virginia, tokyo])
        #expect(known.distance(from: garage, to: ireland) < 1_500, "also to regions that are not installed")
        #expect(Coordinate(latitude: 91, longitude: 0) == nil)
        #expect(Coordinate(latitude: .nan, longitude: 0) == nil)
    }

    @Test func everyRegionOfTheSpecificationHasAPlace() throws {
        let names = """
            us-east-1 us-east-2 us-west-1 us-west-2 ap-south-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 \
            ap-southeast-1 ap-southeast-2 ca-central-1 eu-central-1 eu-west-1 eu-west-2 eu-west-3 eu-north-1 \
            sa-east-1 af-south-1 ap-east-1 ap-southeast-3 ap-southeast-4 ap-south-2 ca-west-1 eu-central-2 \
            eu-south-1 eu-south-2 il-central-1 me-south-1 me-central-1
            """
        for name in names.split(separator: " ") {
            let region = try #require(RegionName(String(name)))
            #expect(RegionLocations.coordinate(of: region) != nil, "\(name)")
        }
    }
}
