import Crypto
import Synchronization

/// Derivation of signing keys from secrets.
enum SigningKeys {
    /// The SigV4 key of one day, region and service: a chain of four HMACs.
    static func v4(
        secret: String, date: some Sequence<UInt8>, region: some Sequence<UInt8>, service: some Sequence<UInt8>
    ) -> SymmetricKey {
        var key = SymmetricKey(data: Array("AWS4".utf8) + Array(secret.utf8))
        for step in [Array(date), Array(region), Array(service), Array("aws4_request".utf8)] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: step, using: key))
        }
        return key
    }

    /// The SigV4A private key of an access key (spec/mrap.md §11.1): the first of at most 254 HMAC outputs that is at
    /// most N - 2, plus one. `nil` when there is none, which has a probability of about 2^-8000.
    static func v4a(_ secret: SigningSecret) -> P256.Signing.PrivateKey? {
        let key = SymmetricKey(data: Array("AWS4A".utf8) + Array(secret.secretAccessKey.utf8))
        var prefix: [UInt8] = [0, 0, 0, 1]
        prefix.append(contentsOf: SignatureAlgorithm.v4a.name.utf8)
        prefix.append(0)
        prefix.append(contentsOf: secret.accessKeyID.utf8)
        for counter in UInt8(1)...254 {
            var candidate = Array(
                HMAC<SHA256>.authenticationCode(for: prefix + [counter, 0, 0, 1, 0], using: key))
            guard !orderMinusTwo.lexicographicallyPrecedes(candidate) else { continue }
            for index in candidate.indices.reversed() {
                candidate[index] &+= 1
                if candidate[index] != 0 { break }
            }
            return try? P256.Signing.PrivateKey(rawRepresentation: candidate)
        }
        return nil
    }

    /// The order of P-256 minus two, big-endian.
    static let orderMinusTwo: [UInt8] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x4f,
    ]
}

/// Derived keys of recent requests. An entry holds the secret it came from, so that a changed secret is never served
/// from here; a removed access key is refused before its key is looked up.
final class SigningKeyCache: Sendable {
    private struct Entry<Key: Sendable>: Sendable {
        let secret: String
        let key: Key
    }

    /// By credential (access key, date, region, service) for SigV4.
    private let symmetric = Mutex(GenerationCache<String, Entry<PreparedHMAC>>(capacity: 1024))
    /// By access key for SigV4A.
    private let elliptic = Mutex(GenerationCache<String, Entry<P256.Signing.PublicKey>>(capacity: 1024))

    func symmetricKey(credential: String, secret: SigningSecret) -> PreparedHMAC? {
        guard let entry = symmetric.withLock({ $0[credential] }), entry.secret == secret.secretAccessKey else {
            return nil
        }
        return entry.key
    }

    /// Called after a signature was found valid only, so that nobody can fill the cache with scopes made up at will.
    func insert(_ key: PreparedHMAC, credential: String, secret: SigningSecret) {
        symmetric.withLock { $0[credential] = Entry(secret: secret.secretAccessKey, key: key) }
    }

    func publicKey(of secret: SigningSecret) -> P256.Signing.PublicKey? {
        if let entry = elliptic.withLock({ $0[secret.accessKeyID] }), entry.secret == secret.secretAccessKey {
            return entry.key
        }
        guard let key = SigningKeys.v4a(secret)?.publicKey else { return nil }
        elliptic.withLock { $0[secret.accessKeyID] = Entry(secret: secret.secretAccessKey, key: key) }
        return key
    }
}

/// A map of at most `2 × capacity` entries: when the young half is full it becomes the old one, and what is used moves
/// back to the young.
struct GenerationCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let capacity: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { young.count + old.count }

    subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old.removeValue(forKey: key) else { return nil }
            self[key] = value
            return value
        }
        set {
            if young[key] == nil, young.count >= capacity {
                old = young
                young = [:]
            }
            young[key] = newValue
        }
    }
}
