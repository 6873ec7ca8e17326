import Crypto
import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// An authority's certificate and key as they stand on disk.
struct AuthorityCertificate: Sendable {
    let certificatePEM: String
    let certificate: Certificate
    let key: P256.Signing.PrivateKey

    /// A new self-signed, name-constrained authority for `key`. The attributes are those that OpenSSL 3, Python's strict
    /// mode, Go, rustls and s2n accept (spec/clients.md §3.2).
    static func make(
        key: P256.Signing.PrivateKey, permitted: PermittedNames, now: Int64
    ) throws -> AuthorityCertificate {
        let issuerKey = Certificate.PrivateKey(key)
        // Part of the key's hash in the name tells two authorities apart in a client's trust list.
        let tag = SHA256.hash(data: key.publicKey.x963Representation).prefix(4).map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
        let name = try DistinguishedName {
            OrganizationName("Meridian")
            OrganizationalUnitName("Local authority v1")
            CommonName("Meridian local CA \(tag)")
        }
        let loopback = [
            ASN1OctetString(contentBytes: [127, 0, 0, 0, 255, 0, 0, 0]),
            ASN1OctetString(contentBytes: ArraySlice([UInt8](repeating: 0, count: 15) + [1] + Self.mask(16))),
        ]
        let own = permitted.addresses.map { ASN1OctetString(contentBytes: ArraySlice($0 + Self.mask($0.count))) }
        let constraints = NameConstraints(permittedDNSDomains: permitted.domains, permittedIPRanges: loopback + own)
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: issuerKey.publicKey,
            notValidBefore: Date(timeIntervalSince1970: Double(now - 86_400)),
            notValidAfter: Date(timeIntervalSince1970: Double(now + CertificateAuthority.authorityLifetime)),
            issuer: name, subject: name,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                Critical(constraints)
                SubjectKeyIdentifier(hash: issuerKey.publicKey)
            },
            issuerPrivateKey: issuerKey)
        let pem = try certificate.serializeAsPEM().pemString + "\n"
        return AuthorityCertificate(certificatePEM: pem, certificate: certificate, key: key)
    }

    private static func mask(_ count: Int) -> [UInt8] { [UInt8](repeating: 255, count: count) }
}

/// Signs short-lived leaves for single names. One key pair serves all leaves of a process; it is never stored.
struct LeafIssuer: Sendable {
    let permitted: PermittedNames
    private let authority: Certificate
    private let authorityKeyIdentifier: ArraySlice<UInt8>
    private let signer: Certificate.PrivateKey
    private let leafKey: Certificate.PrivateKey
    private let leafKeySource: NIOSSLPrivateKey

    /// Throws when `stored` is not an authority, has expired, is not of this key, or does not permit all names.
    init(
        _ stored: AuthorityCertificate, permitted: PermittedNames, now: Int64, path: String
    ) throws(CertificateAuthorityError) {
        let certificate = stored.certificate
        signer = Certificate.PrivateKey(stored.key)
        guard certificate.publicKey == signer.publicKey else {
            throw .broken(
                path: path, reason: "it is not the certificate of the key in \(CertificateAuthority.keyFileName)")
        }
        guard now < Int64(certificate.notValidAfter.timeIntervalSince1970) - CertificateAuthority.leafLifetime else {
            throw .broken(path: path, reason: "it expires on \(certificate.notValidAfter)")
        }
        do {
            guard case .isCertificateAuthority? = try certificate.extensions.basicConstraints else {
                throw CertificateAuthorityError.broken(path: path, reason: "it is not a certificate authority")
            }
            guard let constraints = try certificate.extensions.nameConstraints else {
                throw CertificateAuthorityError.broken(path: path, reason: "it is not limited to names of this server")
            }
            let domains = constraints.permittedDNSDomains
            if let missing = permitted.domains.first(where: { name in
                !domains.contains { name == $0 || name.hasSuffix("." + $0) }
            }) {
                throw CertificateAuthorityError.nameNotPermitted(missing, path: path)
            }
            let ranges = constraints.permittedIPRanges.map { Array($0.bytes) }
            if let missing = permitted.addresses.first(where: { address in
                !ranges.contains { Array($0.prefix(address.count)) == address }
            }) {
                throw CertificateAuthorityError.nameNotPermitted(
                    missing.map { String($0) }.joined(separator: "."), path: path)
            }
            authorityKeyIdentifier =
                try certificate.extensions.subjectKeyIdentifier?.keyIdentifier
                ?? SubjectKeyIdentifier(hash: signer.publicKey).keyIdentifier
            let key = P256.Signing.PrivateKey()
            leafKey = Certificate.PrivateKey(key)
            leafKeySource = try NIOSSLPrivateKey(bytes: Array(key.pemRepresentation.utf8), format: .pem)
        } catch let error as CertificateAuthorityError {
            throw error
        } catch {
            throw .broken(path: path, reason: "\(error)")
        }
        authority = certificate
        self.permitted = permitted
    }

    /// A leaf and its TLS settings: TLS 1.2 and 1.3, HTTP/1.1 only. The name stands in the subject alternative name alone,
    /// because an access point's host name is as long as a common name may be.
    ///
    /// Without a host (a client that was given an IP address sends no server name) it is for `localhost` and the IP
    /// addresses. Other leaves carry no addresses, because BoringSSL's verifier rejects any IP address below a name
    /// constraint.
    func mint(_ host: String?, now: Int64) throws -> NIOSSLContext {
        var names: [GeneralName] = [.dnsName(host ?? PermittedNames.localhost)]
        if host == nil {
            names.append(.ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])))
            names.append(.ipAddress(ASN1OctetString(contentBytes: ArraySlice([UInt8](repeating: 0, count: 15) + [1]))))
            names += permitted.addresses.map { .ipAddress(ASN1OctetString(contentBytes: ArraySlice($0))) }
        }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: leafKey.publicKey,
            notValidBefore: Date(timeIntervalSince1970: Double(now - 3600)),
            notValidAfter: Date(timeIntervalSince1970: Double(now + CertificateAuthority.leafLifetime)),
            issuer: authority.subject, subject: try DistinguishedName { OrganizationName("Meridian") },
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names)
                AuthorityKeyIdentifier(keyIdentifier: authorityKeyIdentifier)
                SubjectKeyIdentifier(hash: leafKey.publicKey)
            },
            issuerPrivateKey: signer)
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der))],
            privateKey: .privateKey(leafKeySource))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
