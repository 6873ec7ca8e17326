import Environment
import Gateway
import S3Model

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A region that could not be asked, and is therefore missing in a report.
package struct UnreachableRegion: Sendable, Codable, Hashable {
    package var region: String
    /// Where its process should listen; `nil` for a region of the process that was asked.
    package var address: String?
    package var reason: String
}

/// An answer's JSON before it is read.
struct AdminAnswer {
    let region: RegionName
    let bytes: [UInt8]

    func decode<Report: Decodable>(_ type: Report.Type) throws(S3Error) -> Report {
        guard let report = try? JSONDecoder().decode(type, from: Data(bytes)) else {
            throw S3Error(
                .serviceUnavailable,
                "The process of region \(region) answers in a form that is not known here: is it another version?")
        }
        return report
    }
}

extension ReplicationAdmin {
    /// Asks the process that has the region; this one, if it does. Throws `ServiceUnavailable` when it cannot be asked.
    func ask<Report: Decodable>(
        _ type: Report.Type, _ region: RegionName, _ method: String, _ path: String,
        _ query: [String: String] = [:], body: Data? = nil
    ) async throws -> Report {
        do {
            return try await answer(AdminCall(region: region, method, path, query, body: body), region).decode(type)
        } catch let fault as PeerFault {
            throw S3Error(fault, from: region)
        }
    }

    /// Throws ``PeerFault`` too.
    private func answer(_ call: AdminCall, _ region: RegionName) async throws -> AdminAnswer {
        if let own = regions[region] { return AdminAnswer(region: region, bytes: try await own.answer(call)) }
        guard let peer = peers[region] else {
            throw S3Error(.serviceUnavailable, "The region \(region) is not served by this installation.")
        }
        let patience = call.method == "GET" ? AdminCall.patience : AdminCall.patienceForChanges
        return AdminAnswer(
            region: region,
            bytes: try await peer.answer(AdminService.call, try call.encoded(), patience: patience, time: time))
    }

    /// Asks all regions at once; in the order of their names. `unreachable` is `nil` when all have answered.
    func askAll<Report: Decodable & Sendable>(
        _ type: Report.Type, _ method: String, _ path: String
    ) async -> (reports: [(region: RegionName, report: Report)], unreachable: [UnreachableRegion]?) {
        await askAll(type, method, path) { try $0.decode(type) }
    }

    func askAll<Report: Sendable>(
        _ type: Report.Type, _ method: String, _ path: String,
        decode: @escaping @Sendable (AdminAnswer) throws -> Report
    ) async -> (reports: [(region: RegionName, report: Report)], unreachable: [UnreachableRegion]?) {
        let names = names
        let answers = await inParallel(names) { region -> Result<Report, any Error> in
            do {
                return .success(try decode(try await answer(AdminCall(region: region, method, path), region)))
            } catch {
                return .failure(error)
            }
        }
        var reports: [(region: RegionName, report: Report)] = []
        var unreachable: [UnreachableRegion] = []
        for (region, answer) in zip(names, answers) {
            switch answer {
            case .success(let report): reports.append((region, report))
            case .failure(let error):
                unreachable.append(
                    UnreachableRegion(
                        region: region.rawValue, address: peers[region]?.place, reason: Self.reason(error)))
            }
        }
        return (reports, unreachable.isEmpty ? nil : unreachable)
    }

    static func reason(_ error: any Error) -> String { (error as? S3Error)?.message ?? "\(error)" }

    /// The results in the order of the elements.
    func inParallel<Element: Sendable, Value: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: (Int, Value).self) { group in
            for (index, element) in elements.enumerated() { group.addTask { (index, await body(element)) } }
            var values: [Int: Value] = [:]
            for await (index, value) in group { values[index] = value }
            return elements.indices.compactMap { values[$0] }
        }
    }
}
