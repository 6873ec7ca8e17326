import Foundation
import S3Model

@testable import SigV4

/// A request as a test holds it, and the vectors of spec/clients.md §4.7 and §4.8.
struct SignedRequest: Sendable, CustomStringConvertible {
    var name: String
    var method: String
    var target: String
    var headers: [(name: String, value: String)]
    var body: [UInt8] = []
    var stringToSign = ""
    var canonicalRequest = ""
    /// For clients that send no payload hash.
    var bodySHA256: String?

    var description: String { name }

    static let secrets = [
        "AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKISORANDOMAASORANDOM": "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom",
    ]

    static func secret(_ accessKeyID: String) -> SigningSecret {
        SigningSecret(accessKeyID: accessKeyID, secretAccessKey: secrets[accessKeyID] ?? "")
    }

    static func verifier(virtualHostLabel: @escaping @Sendable (String) -> String? = { _ in nil }) -> SignatureVerifier
    {
        SignatureVerifier(
            secrets: { id in secrets[id].map { SigningSecret(accessKeyID: id, secretAccessKey: $0) } },
            virtualHostLabel: virtualHostLabel)
    }

    func verify(
        _ verifier: SignatureVerifier = verifier(), bodySHA256: String? = nil, at now: Timestamp
    ) throws(S3Error) -> VerifiedSignature? {
        try verifier.verify(method: method, target: target, headers: headers, bodySHA256: bodySHA256, now: now)
    }

    /// The code of the error, `nil` when the request is accepted.
    func refusal(_ verifier: SignatureVerifier = verifier(), at now: Timestamp) -> S3ErrorCode? {
        do throws(S3Error) {
            _ = try verify(verifier, at: now)
            return nil
        } catch { return error.code }
    }

    subscript(header name: String) -> String? {
        get { headers.first { $0.name.lowercased() == name }?.value }
        set {
            guard let index = headers.firstIndex(where: { $0.name.lowercased() == name }) else {
                if let newValue { headers.append((name, newValue)) }
                return
            }
            if let newValue { headers[index].value = newValue } else { headers.remove(at: index) }
        }
    }

    /// What `SignedHeaders` names, in the header or in the query.
    var signedHeaders: [String] {
        let text = self[header: "authorization"] ?? target.removingPercentEncoding ?? ""
        guard let start = text.range(of: "SignedHeaders=") else { return [] }
        return text[start.upperBound...].prefix { $0 != "," && $0 != "&" }.split(separator: ";").map(String.init)
    }

    func with(_ change: (inout SignedRequest) -> Void) -> SignedRequest {
        var copy = self
        change(&copy)
        return copy
    }
}

func timestamp(_ text: String) -> Timestamp {
    RequestDate.parse(basic: Array(text.utf8)[...]) ?? Timestamp(milliseconds: 0)
}

extension Timestamp {
    func adding(seconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds + seconds * 1000) }
}

/// The error's code, `nil` when nothing is thrown.
func refusal(_ work: () throws(S3Error) -> Void) -> S3ErrorCode? {
    do throws(S3Error) {
        try work()
        return nil
    } catch { return error.code }
}

// MARK: Files

enum Vectors {
    private struct Captured: Decodable {
        let name: String
        let method: String
        let target: String
        let headers: [[String]]
        let bodyB64: String
        let stringToSign: String
        let canonicalRequest: String
    }

    private struct Chunked: Decodable {
        let headers: [[String]]
        let body: String
        let stringToSigns: [String]
        let canonicalRequest: String
    }

    static let captured: [SignedRequest] = decode("captured", as: [Captured].self).map { vector in
        SignedRequest(
            name: String(vector.name.prefix(2)), method: vector.method, target: vector.target,
            headers: vector.headers.map { ($0[0], $0[1]) }, body: Array(Data(base64Encoded: vector.bodyB64) ?? Data()),
            stringToSign: vector.stringToSign, canonicalRequest: vector.canonicalRequest)
    }

    static let chunked: SignedRequest = {
        let vector = decode("chunked", as: Chunked.self)
        return SignedRequest(
            name: "chunked", method: "PUT", target: "/chunked.txt", headers: vector.headers.map { ($0[0], $0[1]) },
            body: Array(vector.body.utf8), stringToSign: vector.stringToSigns[0],
            canonicalRequest: vector.canonicalRequest)
    }()

    private struct Botocore: Decodable {
        let name: String
        let method: String
        let target: String
        let headers: [[String]]
        let bodySHA256: String?
    }

    static let botocoreTime = timestamp("20261121T074903Z")
    static let botocore: [SignedRequest] = decode("botocore", as: [Botocore].self).map { vector in
        SignedRequest(
            name: vector.name, method: vector.method, target: vector.target,
            headers: vector.headers.map { ($0[0], $0[1]) }, bodySHA256: vector.bodySHA256)
    }

    static let all = captured + [chunked]

    private static func decode<T: Decodable>(_ name: String, as type: T.Type) -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let url = Bundle.module.url(forResource: "Vectors/\(name)", withExtension: "json"),
            let data = try? Data(contentsOf: url), let value = try? decoder.decode(type, from: data)
        else { preconditionFailure("Tests/SigV4Tests/Vectors/\(name).json does not read") }
        return value
    }
}

extension SignedRequest {
    /// The time at which the client signed.
    var signingTime: Timestamp {
        if let date = self[header: "x-amz-date"] { return timestamp(date) }
        guard let start = target.range(of: "X-Amz-Date=") else { return Timestamp(milliseconds: 0) }
        return timestamp(String(target[start.upperBound...].prefix(16)))
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ counts: Range<Int>) -> [UInt8] {
        (0..<Int.random(in: counts, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func text(_ counts: Range<Int>, of alphabet: String) -> String {
        let characters = Array(alphabet)
        return String(
            (0..<Int.random(in: counts, using: &self)).map { _ in characters.randomElement(using: &self) ?? "a" })
    }
}
