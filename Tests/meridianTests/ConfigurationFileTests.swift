import Cluster
import Gateway
import S3Model
import Telemetry
import Testing

@testable import meridian

@Suite struct ConfigurationFileTests {
    private func parse(_ text: String) throws -> ServerConfiguration { try ConfigurationFile.parse(Array(text.utf8)) }

    @Test func anEmptyFileIsTheStandard() throws {
        #expect(try parse(#"{"version": 1}"#) == .standard)
        #expect(
            ServerConfiguration.standard.regions.map(\.name.rawValue) == ["us-east-1", "eu-west-1", "ap-southeast-1"])
        #expect(ServerConfiguration.standard.rootOwner.canonicalID.utf8.count == 64)
    }

    @Test func everyKeyIsTaken() throws {
        let configuration = try parse(
            """
            {"version": 1, "account": "210987654321", "canonicalID": "abc", "displayName": "ops",
             "regions": ["eu-west-1", {"name": "lab-1", "latitude": 47.4, "longitude": 8, "server": "10.0.0.7:9001"}],
             "homeRegion": "lab-1", "listen": ["0.0.0.0:80", "[::]:81"], "domains": ["S3.Example.com"],
             "users": [{"accessKeyID": "AKIAALICE", "secretAccessKey": "wonderland", "name": "alice"},
                       {"accessKeyID": "AKIABOB", "secretAccessKey": "builder123", "account": "000000000001"}],
             "limits": {"maximumConnections": 7, "maximumHeadBytes": 9000, "idleTimeoutSeconds": 5,
                        "drainTimeoutSeconds": 0, "headTimeoutSeconds": 2, "stallTimeoutSeconds": 3}}
            """)
        #expect(configuration.homeRegion.rawValue == "lab-1")
        #expect(configuration.regions[1].coordinates?.longitude == 8)
        #expect(configuration.regions.map { $0.server?.description } == [nil, "10.0.0.7:9001"])
        #expect(configuration.listen.map(\.description) == ["0.0.0.0:80", "[::]:81"])
        #expect(!configuration.listensByDefault)
        #expect(configuration.domains == ["s3.example.com"])
        #expect(configuration.users.map(\.name) == ["alice", nil])
        #expect(configuration.users[0].owner == configuration.rootOwner)
        #expect(configuration.users[1].owner.account.rawValue == "000000000001")
        #expect(configuration.users[1].owner.canonicalID != configuration.rootOwner.canonicalID)
        #expect(configuration.limits.maximumConnections == 7 && configuration.limits.drainTimeoutSeconds == 0)
        #expect(configuration.limits.headTimeoutSeconds == 2 && configuration.limits.stallTimeoutSeconds == 3)
    }

    /// The file, and a part of the message that names the place.
    @Test(arguments: [
        ("", "not valid JSON"), ("[]", "must be an object, not a list"), ("{}", "version is missing"),
        (#"{"version": 2}"#, "version 2 is not known"), (#"{"version": "1"}"#, "version must be a whole number"),
        (#"{"version": 1, "regoins": []}"#, "Unknown key regoins. Known keys here: version, regions"),
        (#"{"version": 1, "regions": []}"#, "regions is empty"),
        (#"{"version": 1, "regions": ["A"]}"#, #"regions[0]: "A" is no region name"#),
        (#"{"version": 1, "regions": ["a", "a"]}"#, "regions[1]: region a is there twice"),
        (#"{"version": 1, "regions": [{"name": "a", "latitude": 1}]}"#, "both latitude and longitude"),
        (#"{"version": 1, "regions": [{"name": "a", "latitude": 91, "longitude": 0}]}"#, "regions[0].latitude"),
        (#"{"version": 1, "regions": [{"nmae": "a"}]}"#, "Unknown key regions[0].nmae"),
        (#"{"version": 1, "regions": [{"name": "a", "server": 1}]}"#, "regions[0].server must be a string"),
        (#"{"version": 1, "regions": [{"name": "a", "server": "h"}]}"#, "regions[0].server: \"h\" is no address"),
        (#"{"version": 1, "regions": [{"name": "a", "server": "0.0.0.0:1"}]}"#, "cannot reach 0.0.0.0:1"),
        (
            #"{"version": 1, "regions": [{"name": "a", "server": "h:1"}, {"name": "b", "server": "h:1"}]}"#,
            "regions[1].server: a listens there already"
        ),
        (#"{"version": 1, "homeRegion": "mars"}"#, #"homeRegion "mars" is none of the regions"#),
        (#"{"version": 1, "account": "12"}"#, "account must be twelve digits"),
        (#"{"version": 1, "account": 123456789012}"#, "account must be a string, not a number"),
        (#"{"version": 1, "listen": []}"#, "listen is empty"),
        (#"{"version": 1, "listen": ["localhost"]}"#, "listen[0]:"),
        (#"{"version": 1, "listen": "localhost:1"}"#, "listen must be a list, not a string"),
        (#"{"version": 1, "domains": ["a..b"]}"#, "domains[0]"),
        (#"{"version": 1, "users": [{"accessKeyID": "AKIA"}]}"#, "users[0].secretAccessKey is missing"),
        (#"{"version": 1, "users": [{"accessKeyID": "A/", "secretAccessKey": "12345678"}]}"#, "users[0].accessKeyID"),
        (#"{"version": 1, "users": [{"accessKeyID": "AKI", "secretAccessKey": "short"}]}"#, "8 to 256 characters"),
        (#"{"version": 1, "limits": {"maximumConnections": 0}}"#, "limits.maximumConnections must be a whole number"),
        (#"{"version": 1, "limits": {"max": 0}}"#, "Unknown key limits.max"),
    ])
    func mistakesAreNamed(file: String, part: String) throws {
        let error = try #require(throws: OperatorError.self) { try parse(file) }
        #expect(error.message.contains(part), "\(error.message)")
    }

    @Test func secretsAreNotInMessages() throws {
        let file = #"{"version": 1, "users": [{"accessKeyID": "AKI", "secretAccessKey": "hunter2"}]}"#
        let error = try #require(throws: OperatorError.self) { try parse(file) }
        #expect(!error.message.contains("hunter2"))
    }

    @Test func twoUsersOfOneKeyOrOneAccountWithTwoIDsAreRefused() throws {
        let user = #"{"accessKeyID": "AKIA1", "secretAccessKey": "12345678"}"#
        let other = #"{"accessKeyID": "AKIA2", "secretAccessKey": "12345678", "canonicalID": "other"}"#
        let twice = try #require(throws: OperatorError.self) {
            try parse(#"{"version": 1, "users": [\#(user), \#(user)]}"#)
        }
        #expect(twice.message.contains("users[1].accessKeyID AKIA1 is there twice"))
        let differs = try #require(throws: OperatorError.self) {
            try parse(#"{"version": 1, "users": [\#(other)]}"#)
        }
        #expect(differs.message.contains("users[0].canonicalID differs"))
    }

    /// Any bytes give a configuration or an ``OperatorError``; nothing crashes.
    @Test func garbageIsRefusedNotCrashedOn() {
        var generator = SeededGenerator(state: 42)
        let whole = Array(#"{"version": 1, "regions": ["a-1"], "limits": {"maximumConnections": 5}}"#.utf8)
        for _ in 0..<500 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let at = Int.random(in: bytes.indices, using: &generator)
                if Bool.random(using: &generator) {
                    bytes[at] = UInt8.random(in: 0...255, using: &generator)
                } else {
                    bytes.remove(at: at)
                }
            }
            do { _ = try ConfigurationFile.parse(bytes) } catch { #expect(!error.message.isEmpty) }
        }
        let deep = Array((String(repeating: "[", count: 100_000)).utf8)
        #expect(throws: OperatorError.self) { try ConfigurationFile.parse(deep) }
        let large = [UInt8](repeating: 32, count: ConfigurationFile.maximumBytes + 1)
        #expect(throws: OperatorError.self) { try ConfigurationFile.parse(large) }
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
