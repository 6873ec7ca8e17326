import Foundation
import Gateway
import S3Model
import Testing

@testable import meridian

@Suite("Which process has which region")
struct ProcessLayoutTests {
    private let east = RegionName(literal: "us-east-1")
    private let west = RegionName(literal: "eu-west-1")
    private let asia = RegionName(literal: "ap-southeast-1")
    private let origin = ListenAddress(host: "10.0.0.1", port: 9000)

    private func configuration() throws -> ServerConfiguration {
        try ConfigurationFile.parse(
            Array(
                #"""
                {"version": 1, "regions": ["us-east-1", {"name": "eu-west-1", "server": "10.0.0.2:9001"},
                                           {"name": "ap-southeast-1", "server": "[fd00::3]:9002"}]}
                """#.utf8))
    }

    @Test func theServerHasWhatHasNoAddress() throws {
        let layout = ProcessLayout.server(try configuration())
        #expect(layout.served == [east] && layout.origin == nil)
        #expect(layout.elsewhere.mapValues(\.description) == [west: "10.0.0.2:9001", asia: "[fd00::3]:9002"])
        #expect(ProcessLayout.server(.standard).served == [east, west, asia])
        #expect(ProcessLayout.server(.standard).elsewhere.isEmpty)
    }

    @Test func aRegionHasItselfAndReachesTheServersRegionsAtTheOrigin() throws {
        let layout = ProcessLayout.region(west, try configuration(), origin: origin)
        #expect(layout.served == [west] && layout.origin == origin)
        #expect(layout.elsewhere.mapValues(\.description) == [east: "10.0.0.1:9000", asia: "[fd00::3]:9002"])
    }

    @Test func aRegionIsToldApartFromTheServers() throws {
        let configuration = try configuration()
        let found = try RegionCommand.region("eu-west-1", in: configuration, file: "c")
        #expect(found.name == west && found.address.description == "10.0.0.2:9001")
        #expect(
            refusal({ _ = try RegionCommand.region("mars", in: configuration, file: "c") })?.contains(
                "us-east-1, eu-west-1") == true)
        #expect(
            refusal({ _ = try RegionCommand.region("us-east-1", in: configuration, file: "c") })?.contains(
                "it is the server's") == true)
    }

    @Test func foldersOfOthersAreRefused() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "layout-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = DataFolder(path: path)
        let server = ProcessLayout.server(try configuration())
        let region = ProcessLayout.region(west, try configuration(), origin: origin)
        try server.check(folder)
        try region.check(folder)
        try FileManager.default.createDirectory(
            atPath: folder.regionPath("eu-west-1"), withIntermediateDirectories: true)
        #expect(
            FileManager.default.createFile(atPath: folder.regionPath("eu-west-1") + "/metadata.sqlite", contents: nil))
        try region.check(folder)
        #expect(refusal({ try server.check(folder) })?.contains("Move that folder") == true)
        let other = ProcessLayout.region(asia, try configuration(), origin: origin)
        #expect(refusal({ try other.check(folder) })?.contains("holds the data of the region eu-west-1") == true)
        #expect(FileManager.default.createFile(atPath: folder.path("control.sqlite"), contents: nil))
        #expect(refusal({ try region.check(folder) })?.contains("is the server's data folder") == true)
    }

    private func refusal(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? OperatorError)?.message
        }
    }
}
