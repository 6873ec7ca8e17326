import Cluster
import Logging
package import S3Model

extension AccessPointRegistry {
    /// Throws `NoSuchMultiRegionAccessPoint`; `reference` is an ARN, a name or an alias.
    package func routes(of reference: String, account: AccountID) async throws(S3Error)
        -> (accessPoint: AccessPoint, routes: Routes)
    {
        let point = try await stored(reference, account: account).value.accessPoint
        guard let routes = try await record(ControlKeys.routes(point.alias), as: RoutesRecord.self)?.value.routes else {
            throw Self.notReady(point)
        }
        return (point, routes)
    }

    /// Changes the dials that are named, all or nothing (spec/mrap.md §6.10). When it returns, the change is committed,
    /// in force in this process, and on its way to the others.
    ///
    /// `expectedVersion` refuses the change when somebody else was faster (`PreconditionFailed`). Throws also
    /// `InvalidRequest`, `MethodNotAllowed`, `NoSuchMultiRegionAccessPoint`, `OperationAborted` for a concurrent change.
    @discardableResult
    package func submitRoutes(
        _ reference: String, account: AccountID, updates: [RouteUpdate], expectedVersion: Int64? = nil
    ) async throws(S3Error) -> Routes {
        var firstSeen: Int64?
        while true {
            let (record, pointRevision) = try await stored(reference, account: account)
            let point = record.accessPoint
            guard point.status == .ready,
                let current = try await self.record(ControlKeys.routes(point.alias), as: RoutesRecord.self)
            else { throw Self.notReady(point) }
            guard firstSeen == nil || firstSeen == current.revision else {
                throw S3Error(
                    .operationAborted, "The routes of \(point.name) are being changed by another request. Try again.")
            }
            firstSeen = current.revision
            let routes = current.value.routes
            if let expectedVersion, expectedVersion != routes.version {
                throw S3Error(
                    .preconditionFailed,
                    "The routes of \(point.name) are at version \(routes.version), not \(expectedVersion).")
            }
            let next = try routes.applying(updates, now: now)
            var transaction = ControlTransaction()
            transaction.expectations = [
                .unchanged(key: ControlKeys.point(point.name, account), revision: pointRevision),
                .unchanged(key: ControlKeys.routes(point.alias), revision: current.revision),
            ]
            let value = try await ask { try RoutesRecord(next).encoded() }
            transaction.writes = [.put(key: ControlKeys.routes(point.alias), value: value)]
            // A conflict on the point alone (a policy that settled meanwhile) is tried again.
            guard try await commit(transaction) != nil else { continue }
            log.notice("routes submitted", metadata: ["name": "\(point.name)", "version": "\(next.version)"])
            await refreshTable()
            return next
        }
    }

    /// Sets how reads through the point treat what is still on its way. In force here when it returns. Throws
    /// `NoSuchMultiRegionAccessPoint`, `OperationAborted` when the point changes meanwhile.
    package func setReads(
        _ reference: String, account: AccountID, mode: ReadThroughMode
    ) async throws(S3Error) -> AccessPoint {
        let (record, revision) = try await stored(reference, account: account)
        let point = record.accessPoint
        guard point.status == .ready else { throw Self.notReady(point) }
        var transaction = ControlTransaction()
        transaction.expectations = [.unchanged(key: ControlKeys.point(point.name, account), revision: revision)]
        let value = try await ask { try ReadsRecord(mode: mode).encoded() }
        transaction.writes = [.put(key: ControlKeys.reads(point.alias), value: value)]
        guard try await commit(transaction) != nil else {
            throw S3Error(.operationAborted, "The access point \(point.name) is being changed. Try again.")
        }
        await refreshTable()
        return point
    }

    /// What was committed stays committed when this read fails; the table then follows with its watch.
    func refreshTable() async {
        do { try await table.refresh() } catch {
            log.warning("routing table not refreshed", metadata: ["error": "\(error)"])
        }
    }

    private static func notReady(_ point: AccessPoint) -> S3Error {
        point.status == .creating
            ? S3Error(.operationAborted, "Access point \(point.name) is still being created. Try again.")
            : noSuchPoint(point.name.rawValue)
    }
}
