import Gateway
import S3Model
import SigV4
import Telemetry

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Asks the server that runs on a data folder to do something, signed with the folder's root keys.
struct AdminClient {
    private let folder: DataFolder
    private let credentials: RootCredentials

    /// Throws ``OperatorError`` when no server runs there.
    init(data: String) throws {
        folder = DataFolder(path: data)
        guard folder.isInUse else { throw OperatorError("No server is running on \(folder.path).") }
        guard let credentials = try folder.storedRootCredentials() else {
            throw OperatorError("There are no root keys in \(folder.path).")
        }
        self.credentials = credentials
    }

    /// The decoded answer. Throws ``OperatorError`` with the server's words when it refuses.
    func ask<Report: Decodable>(
        _ type: Report.Type, _ method: String = "GET", _ path: String, _ query: [(name: String, value: String)] = []
    ) throws -> Report {
        try decode(type, try answer(method, path, query))
    }

    /// Throws ``OperatorError`` for an answer that this program does not know.
    func decode<Report: Decodable>(_ type: Report.Type, _ body: [UInt8]) throws -> Report {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw OperatorError("The server's answer is none that I understand: is it another version than this?")
        }
    }

    /// The answer's JSON as it came.
    func answer(_ method: String, _ path: String, _ query: [(name: String, value: String)]) throws -> [UInt8] {
        guard let runtime = folder.runtime() else {
            throw OperatorError("The server on \(folder.path) is starting: it does not listen yet.")
        }
        var failure = OperatorError("The server on \(folder.path) listens nowhere.")
        for text in runtime.addresses {
            do {
                return try send(method, path, query, to: try ListenAddress.parse(text).reachable)
            } catch let error as OperatorError {
                failure = error
            }
        }
        throw failure
    }

    private func send(
        _ method: String, _ path: String, _ query: [(name: String, value: String)], to address: ListenAddress
    ) throws -> [UInt8] {
        let fields = query.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
        let target = "/-/admin/\(path)" + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&"))
        let host = [(name: "Host", value: "\(address)")]
        let signer = RequestSigner(
            secret: SigningSecret(
                accessKeyID: credentials.accessKeyID, secretAccessKey: credentials.secretAccessKey.secret),
            region: "us-east-1")
        let signed = signer.sign(
            method: method, target: target, headers: host, payloadHash: PayloadMode.emptySHA256,
            now: Timestamp(milliseconds: WallClock.milliseconds()))
        let answer = try LocalHTTPClient.send(method, target, headers: host + signed, at: address, timeoutSeconds: 60)
        guard answer.status == 200 else {
            throw OperatorError(Self.message(answer.body) ?? "The server answered with status \(answer.status).")
        }
        return answer.body
    }

    /// The words of an S3 error document.
    static func message(_ body: [UInt8]) -> String? {
        guard let error = try? XMLReader.parse(body, root: "Error"), let text = try? error.child("Message")?.text else {
            return nil
        }
        return TerminalText.plain(text)
    }
}
