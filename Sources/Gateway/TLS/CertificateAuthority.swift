import Crypto
package import Environment
import FoundationEssentials
package import NIOSSL
import Synchronization
import X509

/// The local authority that makes one port speak TLS under AWS's names (DESIGN §5.7): a self-signed certificate that
/// people add to their clients' trust, and leaves minted by it on demand.
///
/// It is name-constrained: whoever trusts it trusts it for the permitted names only, so that even a stolen key is of no
/// use against any other site.
package final class CertificateAuthority: Sendable {
    /// Always permitted; the configuration adds its own domains.
    package static let builtInNames = ["amazonaws.com", "localhost"]
    package static let certificateFileName = "ca.pem"
    package static let keyFileName = "ca-key.pem"
    static let maximumCachedLeaves = 512
    static let leafLifetime: Int64 = 14 * 86_400
    static let authorityLifetime: Int64 = 3650 * 86_400

    private struct Leaf {
        let context: NIOSSLContext
        /// Second since 1970 from which it is minted anew: half its life.
        let renewAt: Int64
        var lastUse: UInt64
    }

    private struct Cache {
        var leaves: [String?: Leaf] = [:]
        var uses: UInt64 = 0
    }

    /// What a client needs to trust us: the content of `ca.pem`.
    package let certificatePEM: String
    private let issuer: LeafIssuer
    private let time: any TimeSource
    private let cache = Mutex(Cache())

    init(certificatePEM: String, issuer: LeafIssuer, time: any TimeSource) {
        self.certificatePEM = certificatePEM
        self.issuer = issuer
        self.time = time
    }

    /// Reads the authority from `directory`, or makes one there at the first start.
    ///
    /// - Parameter names: domains of our own (`s3.example`) and IP addresses beside loopback that clients use in `https`
    ///   URLs. An authority on disk that does not permit one of them is an error, because clients already trust it: making
    ///   another is the operator's decision.
    package static func loadOrCreate(
        directory: String, names: [String] = [], time: any TimeSource
    ) throws(CertificateAuthorityError) -> CertificateAuthority {
        let files = CertificateFiles(directory: directory)
        let permitted = PermittedNames(own: names)
        let now = time.wallMilliseconds() / 1000
        if let stored = try files.load() {
            let issuer = try LeafIssuer(stored, permitted: permitted, now: now, path: files.certificatePath)
            return CertificateAuthority(certificatePEM: stored.certificatePEM, issuer: issuer, time: time)
        }
        let key = try files.loadKey() ?? P256.Signing.PrivateKey()
        do {
            let made = try AuthorityCertificate.make(key: key, permitted: permitted, now: now)
            try files.save(certificatePEM: made.certificatePEM, key: key)
            let issuer = try LeafIssuer(made, permitted: permitted, now: now, path: files.certificatePath)
            return CertificateAuthority(certificatePEM: made.certificatePEM, issuer: issuer, time: time)
        } catch let error as CertificateAuthorityError {
            throw error
        } catch {
            throw .broken(path: files.certificatePath, reason: "\(error)")
        }
    }

    /// Whether a certificate for `name` would be valid under this authority.
    package func permits(_ name: String) -> Bool { issuer.permitted.permits(name.lowercased()) }

    /// The TLS context for a server name; for none, or one that is not permitted, that of `localhost` and the IP
    /// addresses. Throws what the TLS library throws.
    package func context(forServerName name: String?) throws -> NIOSSLContext {
        let host = name.map { $0.lowercased() }.flatMap { issuer.permitted.permits($0) ? $0 : nil }
        let now = time.wallMilliseconds() / 1000
        let cached: NIOSSLContext? = cache.withLock { cache in
            cache.uses += 1
            guard let leaf = cache.leaves[host], now < leaf.renewAt, now >= leaf.renewAt - Self.leafLifetime else {
                return nil
            }
            cache.leaves[host]?.lastUse = cache.uses
            return leaf.context
        }
        if let cached { return cached }
        // Minted outside the lock; two loops that mint the same name at once waste a millisecond.
        let context = try issuer.mint(host, now: now)
        cache.withLock { cache in
            if cache.leaves.count >= Self.maximumCachedLeaves,
                let oldest = cache.leaves.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                cache.leaves[oldest.key] = nil
            }
            cache.leaves[host] = Leaf(context: context, renewAt: now + Self.leafLifetime / 2, lastUse: cache.uses)
        }
        return context
    }
}

/// Why there is no authority.
package enum CertificateAuthorityError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    case broken(path: String, reason: String)
    /// The stored authority does not permit a name of the configuration.
    case nameNotPermitted(String, path: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "Cannot read \(path): \(reason)."
        case .unwritable(let path, let reason): "Cannot write \(path): \(reason)."
        case .broken(let path, let reason):
            "\(path) is not usable: \(reason). Put the right file back, or remove ca.pem and ca-key.pem to have new ones"
                + " made (clients then need the new ca.pem)."
        case .nameNotPermitted(let name, let path):
            "The certificate authority in \(path) may not vouch for '\(name)'. Remove ca.pem and ca-key.pem to have new"
                + " ones made (clients then need the new ca.pem), or take '\(name)' out of the configuration."
        }
    }
}
