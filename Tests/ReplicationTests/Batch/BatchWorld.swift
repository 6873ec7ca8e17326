import Cluster
import Environment
import Logging
import NIOCore
import S3Model
import Storage
import Synchronization
import Testing

@testable import Replication

/// Time that moves a millisecond each time it is read.
final class BatchTime: TimeSource {
    private let milliseconds = Mutex<Int64>(1_800_000_000_000)

    func wallMilliseconds() -> Int64 {
        milliseconds.withLock {
            $0 += 1
            return $0
        }
    }
    func monotonicNanoseconds() -> UInt64 { UInt64(milliseconds.withLock { $0 }) * 1_000_000 }
    func sleep(nanoseconds: UInt64) async throws { try Task.checkCancellation() }
}

/// A control store that loses its connection now and then: before a commit, or after it was done.
final class FlakyControlStore: ControlStore {
    private let base = InMemoryControlStore()
    private let random: SeededRandom
    private let percent: Int

    init(_ random: SeededRandom, percent: Int) {
        self.random = random
        self.percent = percent
    }

    func snapshot(prefix: String) async throws -> ControlSnapshot { try await base.snapshot(prefix: prefix) }
    func record(_ key: String) async throws -> ControlRecord? { try await base.record(key) }
    func changed(after revision: Int64) async throws -> Int64 { try await base.changed(after: revision) }
    func close() async throws { try await base.close() }

    func commit(_ transaction: ControlTransaction) async throws -> Int64 {
        if random.chance(percent) { throw ControlStoreError.unavailable(reason: "before") }
        let revision = try await base.commit(transaction)
        if random.chance(percent) { throw ControlStoreError.unavailable(reason: "after") }
        return revision
    }
}

/// Metadata whose next read fails when it was told so.
final class FaultyMetadataStore: MetadataStore {
    private let base = InMemoryMetadataStore()
    private let fault = Mutex<(any Error)?>(nil)

    func failNextRead(with error: any Error) { fault.withLock { $0 = error } }

    func read<Result>(_ body: (any MetadataReader) throws -> Result) throws -> Result {
        let error = fault.withLock { fault in
            defer { fault = nil }
            return fault
        }
        if let error { throw error }
        return try base.read(body)
    }

    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
    ) async throws -> Result {
        try await base.write(body)
    }

    func close() async throws { try await base.close() }
}

/// One region with a source bucket, a bucket for reports, and a runner; the destination is played by the test, which takes
/// entries out of the outbox.
struct BatchWorld {
    static let source = Fixtures.bucketName("photos")
    static let reports = Fixtures.bucketName("reports")
    static let destination = Fixtures.bucketName("copy")

    let store: RegionStore
    let registry: BatchJobRegistry
    let random: SeededRandom
    let metadata = FaultyMetadataStore()
    let control: any ControlStore
    private let time = BatchTime()

    init(seed: UInt64 = 1, trouble percent: Int = 0) async throws {
        let random = SeededRandom(seed)
        self.random = random
        store = try await RegionStore.open(
            region: Fixtures.origin, metadata: metadata, blobs: InMemoryBlobStore(), time: time,
            random: random, planner: RulePlanner(region: Fixtures.origin))
        control = FlakyControlStore(random, percent: percent)
        let store = store
        registry = BatchJobRegistry(
            control: control, locate: Self.locate, bucket: { try store.bucket($0.name) }, time: time, random: random)
        for name in [Self.source, Self.reports] { _ = try await store.createBucket(name, owner: Fixtures.owner) }
        try await store.setVersioning(.enabled, bucket: Self.source)
    }

    private static let locate: @Sendable (BucketName) -> BucketLocation? = { name in
        [source, reports].contains(name)
            ? BucketLocation(name: name, region: Fixtures.origin, owner: Fixtures.owner) : nil
    }

    /// A runner as a new process has it.
    func runner() -> BatchJobRunner {
        BatchJobRunner(
            store: store, registry: registry,
            writer: BatchReportWriter(stores: [Fixtures.origin: store], locate: Self.locate),
            log: Logger(label: "test"))
    }

    func put(_ key: String) async throws {
        let content = try await store.stage(BufferSource(ByteBuffer(string: key)), digests: DigestPlan())
        let put = ObjectPut(
            bucket: Self.source, key: ObjectKey(stored: key), owner: Fixtures.owner, metadata: ObjectMetadata())
        _ = try await store.putObject(put, content: content)
    }

    func promise() async throws {
        let rules = [Fixtures.rule("r", to: Self.destination.rawValue, priority: 1)]
        try await store.setReplication(
            ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/r", rules: rules), bucket: Self.source)
    }

    func create(priority: Int = 1, confirm: Bool = false) async throws -> BatchJob {
        var report = BatchJobReport(isEnabled: true)
        report.bucketARN = "arn:aws:s3:::\(Self.reports)"
        report.scope = .allTasks
        var request = CreateJobRequest(
            report: report, clientRequestToken: "t\(random.next())",
            manifest: BatchManifestGenerator(sourceBucketARN: "arn:aws:s3:::\(Self.source)"), priority: priority,
            roleARN: "arn:aws:iam::111122223333:role/r")
        request.confirmationRequired = confirm
        while true {
            do {
                return try await registry.create(request, account: Fixtures.owner.account)
            } catch is ControlStoreError {}
        }
    }

    func job(_ id: String) async throws -> BatchJob {
        try await registry.job(id, account: Fixtures.owner.account)
    }

    /// Delivers, or refuses, some of what waits. Returns the keys.
    func deliver(upTo limit: Int, refusing percent: Int = 0) async throws -> [String] {
        let entries = try store.outbox(destination: Self.destination, after: 0, limit: limit)
        for entry in entries {
            if random.chance(percent) {
                try await store.fail(entry, reason: "DstPutObjectNotPermitted")
            } else {
                try await store.complete([entry])
            }
        }
        return entries.map(\.key.rawValue)
    }

    /// Steps, with a new runner after each trouble, until no job needs anything. Returns how often each key was sent.
    func run(refusing percent: Int = 0, steps: Int = 20_000) async throws -> [String: Int] {
        var sent: [String: Int] = [:]
        var runner = runner()
        for _ in 0..<steps {
            do {
                if case .idle = try await runner.pass() { return sent }
            } catch is ControlStoreError {
                runner = self.runner()
            }
            guard random.chance(30) else { continue }
            for key in try await deliver(upTo: 1 + random.below(200), refusing: percent) { sent[key, default: 0] += 1 }
        }
        return sent
    }

    /// All lines of a job's report.
    func lines(of job: BatchJob) async throws -> [String] {
        var lines: [String] = []
        for part in job.reportParts {
            let key = ObjectKey(stored: part.key)
            let version = try store.newestOrMarker(key, version: nil, bucket: Self.reports)
            let bytes = try await bytes(of: #require(version))
            lines += String(buffer: bytes).split(separator: "\n").map(String.init)
        }
        return lines
    }

    private func bytes(of version: ObjectVersion) async throws -> ByteBuffer {
        if let bytes = try store.inlineContent(of: version) { return bytes }
        return try await store.content(of: version, range: 0..<(version.object?.size ?? 0)).collect(upTo: 1 << 24)
    }
}
