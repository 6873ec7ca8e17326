import Cluster
import S3Model

/// One step of an operation: the request's next state and what is written with it. Pure; the worker commits it.
///
///     NEW ──begin──► INPROGRESS ──finish──► SUCCEEDED
///      └──refuse / fail──► FAILED
struct OperationStep: Sendable {
    typealias StoredPoint = (value: PointRecord, revision: Int64)

    private(set) var request: RequestRecord
    var expectations: [ControlTransaction.Expectation]
    private var points: [(key: String, record: PointRecord)] = []
    private var routes: [(key: String, record: RoutesRecord)] = []
    private var retired: [PointRecord] = []

    init(request: RequestRecord, revision: Int64) {
        self.request = request
        expectations = [.unchanged(key: ControlKeys.request(request.token, request.account), revision: revision)]
    }

    mutating func begin(regions: [RegionName]) {
        request.status = .inProgress
        request.regions = regions.map { AsyncOperation.RegionStatus(region: $0, status: .inProgress) }
    }

    mutating func fail(_ failure: AsyncOperation.Failure) {
        request.status = .failed
        request.regions = []
        request.failure = failure
    }

    private mutating func succeed() {
        request.status = .succeeded
        request.regions = request.regions.map { AsyncOperation.RegionStatus(region: $0.region, status: .succeeded) }
    }

    // MARK: Create

    mutating func beginCreate(_ point: StoredPoint, members: [PointRecord.Member]) {
        begin(regions: members.map(\.region))
        replace(point) { $0.members = members }
    }

    /// The point goes, its alias stays taken.
    mutating func refuseCreate(
        _ point: StoredPoint, _ code: AsyncOperation.Failure.Code, _ message: String, _ resource: String
    ) {
        expectations.removeSubrange(1...)
        fail(AsyncOperation.Failure(code, message, resource: resource))
        retire(point)
    }

    /// Active-active after creation (spec/mrap.md §6.1).
    mutating func finishCreate(_ point: StoredPoint, now: Timestamp) {
        succeed()
        replace(point) {
            $0.status = .ready
            $0.operation = nil
        }
        let dials = point.value.accessPoint.regions.map {
            Routes.Dial(bucket: $0.bucket, region: $0.region, percentage: 100)
        }
        routes.append(
            (ControlKeys.routes(point.value.alias), RoutesRecord(Routes(version: 1, changed: now, dials: dials))))
    }

    // MARK: Policy

    /// The policy in force stays, and nothing is proposed any more.
    mutating func refusePolicy(_ point: StoredPoint, _ code: AsyncOperation.Failure.Code, _ message: String) {
        fail(AsyncOperation.Failure(code, message, resource: point.value.name.rawValue))
        replace(point) {
            $0.policy.proposed = $0.policy.established
            $0.operation = nil
        }
    }

    mutating func finishPolicy(_ document: String, point: StoredPoint) {
        succeed()
        replace(point) {
            $0.policy = AccessPointPolicy(established: document, proposed: document)
            $0.operation = nil
        }
    }

    // MARK: Delete

    mutating func finishDelete(_ point: StoredPoint) {
        succeed()
        retire(point)
    }

    // MARK: Writing

    private mutating func expect(_ point: StoredPoint) {
        let key = ControlKeys.point(point.value.name, point.value.account)
        expectations.append(.unchanged(key: key, revision: point.revision))
    }

    private mutating func replace(_ point: StoredPoint, change: (inout PointRecord) -> Void) {
        expect(point)
        var record = point.value
        change(&record)
        points.append((ControlKeys.point(record.name, record.account), record))
    }

    private mutating func retire(_ point: StoredPoint) {
        expect(point)
        retired.append(point.value)
    }

    func transaction() throws -> ControlTransaction {
        var transaction = ControlTransaction()
        transaction.expectations = expectations
        transaction.writes = [
            .put(key: ControlKeys.request(request.token, request.account), value: try request.encoded())
        ]
        if request.status.isFinal { transaction.writes.append(.delete(key: ControlKeys.pending(request.token))) }
        for (key, record) in points { transaction.writes.append(.put(key: key, value: try record.encoded())) }
        for (key, record) in routes { transaction.writes.append(.put(key: key, value: try record.encoded())) }
        for record in retired {
            let tombstone = AliasRecord(account: record.account, name: record.name, isRetired: true)
            transaction.writes += [
                .delete(key: ControlKeys.point(record.name, record.account)),
                .delete(key: ControlKeys.routes(record.alias)),
                .delete(key: ControlKeys.reads(record.alias)),
                .put(key: ControlKeys.alias(record.alias.label), value: try tombstone.encoded()),
            ]
        }
        return transaction
    }
}
