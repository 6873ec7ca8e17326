import Crypto
import SwiftASN1
import X509

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `ca.pem` and `ca-key.pem` in the data folder. The formats carry their own versions (X.509 v3, PKCS #8 v1).
///
/// The key is written first: after a crash in between, the next start makes the certificate for the key that is there.
struct CertificateFiles {
    let certificatePath: String
    let keyPath: String

    init(directory: String) {
        certificatePath = directory + "/" + CertificateAuthority.certificateFileName
        keyPath = directory + "/" + CertificateAuthority.keyFileName
    }

    /// `nil` when there is no certificate yet.
    func load() throws(CertificateAuthorityError) -> AuthorityCertificate? {
        guard let pem = try Self.read(certificatePath) else { return nil }
        guard let key = try loadKey() else {
            throw .broken(path: certificatePath, reason: "its key, \(keyPath), is not there")
        }
        do {
            return AuthorityCertificate(
                certificatePEM: pem, certificate: try Certificate(pemEncoded: pem), key: key)
        } catch {
            throw .broken(path: certificatePath, reason: "it is not a certificate in PEM form (\(error))")
        }
    }

    /// `nil` when there is none.
    func loadKey() throws(CertificateAuthorityError) -> P256.Signing.PrivateKey? {
        guard let pem = try Self.read(keyPath) else { return nil }
        do {
            return try P256.Signing.PrivateKey(pemRepresentation: pem)
        } catch {
            throw .broken(path: keyPath, reason: "it is not a P-256 private key in PEM form")
        }
    }

    func save(certificatePEM: String, key: P256.Signing.PrivateKey) throws(CertificateAuthorityError) {
        try Self.write(key.pemRepresentation + "\n", to: keyPath, mode: 0o600)
        try Self.write(certificatePEM, to: certificatePath, mode: 0o644)
    }

    private static func read(_ path: String) throws(CertificateAuthorityError) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw .unreadable(path: path, reason: reason(errno))
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        var count = 0
        while count < bytes.count {
            let result = bytes.withUnsafeMutableBytes { readBytes(file, $0, from: count) }
            if result < 0 {
                if errno == EINTR { continue }
                throw .unreadable(path: path, reason: reason(errno))
            }
            if result == 0 { break }
            count += result
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Whole or not at all: a temporary file, synced, takes the name.
    private static func write(_ text: String, to path: String, mode: mode_t) throws(CertificateAuthorityError) {
        let temporary = path + ".new"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw .unwritable(path: temporary, reason: reason(errno)) }
        let bytes = Array(text.utf8)
        var written = 0
        var failure: Int32 = 0
        if fchmod(file, mode) != 0 { failure = errno }
        while failure == 0, written < bytes.count {
            let result = bytes[written...].withUnsafeBytes { writeBytes(file, $0.baseAddress, $0.count) }
            if result >= 0 { written += result } else if errno != EINTR { failure = errno }
        }
        if failure == 0, fsync(file) != 0 { failure = errno }
        if close(file) != 0, failure == 0 { failure = errno }
        if failure == 0, rename(temporary, path) != 0 { failure = errno }
        guard failure == 0 else {
            unlink(temporary)
            throw .unwritable(path: path, reason: reason(failure))
        }
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

// Inside the type its own `read` and `write` hide the system's.

private func readBytes(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer, from start: Int) -> Int {
    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[start...])
    return read(file, rest.baseAddress, rest.count)
}

private func writeBytes(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(file, bytes, count) }
