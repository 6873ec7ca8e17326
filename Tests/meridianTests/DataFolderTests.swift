import Environment
import Synchronization
import Telemetry
import Testing

@testable import meridian

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

private final class SeededSource: RandomSource {
    private let generator: Mutex<SeededGenerator>
    init(_ seed: UInt64) { generator = Mutex(SeededGenerator(state: seed)) }
    func next() -> UInt64 { generator.withLock { $0.next() } }
}

/// Runs `body` in a new folder below the temporary one and removes it after.
func inTemporaryFolder(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/meridian-test-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
        buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    let path = try #require(made)
    defer { removeAll(path) }
    try body(path)
}

private func removeAll(_ path: String) {
    if POSIXFile.isFolder(path) {
        for name in (try? POSIXFile.list(path)) ?? [] { removeAll(path + "/" + name) }
        rmdir(path)
    } else {
        unlink(path)
    }
}

@Suite struct DataFolderTests {
    @Test func regionsWithDataAreThoseWithAStore() throws {
        try inTemporaryFolder { path in
            let folder = DataFolder(path: path)
            #expect(try folder.regionsWithData() == [])
            for region in ["us-east-1", "berlin", "empty"] { try folder.makeFolder("regions/\(region)") }
            for region in ["us-east-1", "berlin"] { try folder.write("regions/\(region)/metadata.sqlite", []) }
            #expect(try folder.regionsWithData() == ["berlin", "us-east-1"])
        }
    }

    @Test func aNewFolderIsTheOwnersOnlyAndMarked() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary + "/deep/er")
            let lock = try folder.open()
            #expect(POSIXFile.permissions(folder.path) == 0o700)
            #expect(try folder.read("meridian.json") == Array("{\"format\": \"meridian-data\", \"version\": 1}\n".utf8))
            #expect(folder.isInUse)
            withExtendedLifetime(lock) {}
        }
    }

    @Test func aSecondServerIsRefusedWithThePidAndTheFolderOpensAgainAfter() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary)
            var lock: FolderLock? = try folder.open()
            let error = try #require(throws: OperatorError.self) { try folder.open() }
            #expect(error.message.contains("pid \(getpid())"))
            withExtendedLifetime(lock) {}
            lock = nil
            #expect(!folder.isInUse)
            lock = try folder.open()
            #expect(lock != nil)
        }
    }

    @Test func foreignFoldersAndNewerVersionsAreLeftAlone() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary)
            try POSIXFile.replace(folder.path("precious.txt"), with: [1], mode: 0o600)
            let foreign = try #require(throws: OperatorError.self) { try folder.open() }
            #expect(foreign.message.contains("precious.txt"))
            #expect(try POSIXFile.list(temporary) == ["precious.txt"])

            try folder.write("meridian.json", Array(#"{"format": "meridian-data", "version": 2}"#.utf8))
            let newer = try #require(throws: OperatorError.self) { try folder.open() }
            #expect(newer.message.contains("newer Meridian (format 2"))
            for text in [
                "{}", "", "garbage", #"{"format": "meridian-data"}"#, #"{"format": "meridian-data", "version": 0}"#,
            ] {
                try folder.write("meridian.json", Array(text.utf8))
                #expect(throws: OperatorError.self) { try folder.open() }
            }
            #expect(try POSIXFile.list(temporary) == ["meridian.json", "precious.txt"])
            let file = try #require(throws: OperatorError.self) {
                try DataFolder(path: temporary + "/precious.txt").open()
            }
            #expect(file.message.contains("is not a folder"))
        }
    }

    @Test func aStartKilledBeforeItsMarkerIsNoForeignFolder() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary)
            try folder.write("lock", [])
            try folder.write("meridian.json.new", [])
            withExtendedLifetime(try folder.open()) {}
            #expect(try folder.read("meridian.json") != nil)
        }
    }

    @Test func rootKeysAreMadeOnceAndReadableByTheOwnerOnly() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary)
            #expect(try folder.storedRootCredentials() == nil)
            let made = try folder.rootCredentials(random: SeededSource(1))
            #expect(made.accessKeyID.utf8.count == 20 && made.accessKeyID.hasPrefix("AKIA"))
            #expect(made.secretAccessKey.secret.utf8.count == 40)
            #expect(POSIXFile.permissions(folder.path("credentials.json")) == 0o600)
            #expect(try folder.rootCredentials(random: SeededSource(2)) == made)
            #expect(RootCredentials.make(random: SeededSource(2)) != made)
        }
    }

    @Test func damagedKeysAreNeverOverwritten() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary)
            for text in ["", "{", #"{"version": 2, "accessKeyID": "a", "secretAccessKey": "b"}"#, #"{"version": 1}"#] {
                try folder.write("credentials.json", Array(text.utf8))
                #expect(throws: OperatorError.self) { try folder.rootCredentials(random: SeededSource(1)) }
                #expect(try folder.read("credentials.json") == Array(text.utf8))
            }
        }
    }

    @Test func theRuntimeRecordReadsBackAndBadOnesAreNothing() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary)
            #expect(folder.runtime() == nil)
            let record = RuntimeRecord(
                processID: 7, addresses: ["127.0.0.1:9000", "[::1]:9000"], startedWallMilliseconds: 5)
            try folder.writeRuntime(record)
            #expect(folder.runtime() == record)
            try folder.write("runtime.json", Array(#"{"version": 1, "pid": 99999999999, "addresses": []}"#.utf8))
            #expect(folder.runtime() == nil)
            folder.removeRuntime()
            #expect(!POSIXFile.exists(folder.path("runtime.json")))
        }
    }

    @Test func theOverlayIsWrittenWholeAndLeftWhenItIsThere() throws {
        try inTemporaryFolder { temporary in
            let folder = DataFolder(path: temporary)
            try BotocoreOverlay.write(to: folder)
            let path = "botocore/s3/2006-03-01/endpoint-rule-set-1.json"
            let first = try #require(try folder.read(path))
            #expect(try JSONValue.parse(first).object?["version"] == "1.0")
            try folder.write(path, [])
            try BotocoreOverlay.write(to: folder)
            #expect(try folder.read(path) == first)
        }
    }
}
