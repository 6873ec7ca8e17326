import NIOCore

/// The names an authority may vouch for: DNS suffixes and IP addresses. Pure.
struct PermittedNames: Sendable, Hashable {
    static let localhost = "localhost"

    /// Lower case; each permits itself and every name below it.
    let domains: [String]
    /// Network byte order, 4 or 16 bytes, beside loopback.
    let addresses: [[UInt8]]

    init(own: [String]) {
        var domains = CertificateAuthority.builtInNames
        var addresses: [[UInt8]] = []
        for name in own.map({ $0.lowercased() }) {
            if let bytes = Self.addressBytes(name) {
                if !Self.isLoopback(bytes), !addresses.contains(bytes) { addresses.append(bytes) }
            } else if Self.isHostName(name), !domains.contains(name) {
                domains.append(name)
            }
        }
        self.domains = domains
        self.addresses = addresses
    }

    /// `name` in lower case.
    func permits(_ name: String) -> Bool {
        Self.isHostName(name) && domains.contains { name == $0 || name.hasSuffix("." + $0) }
    }

    /// Letters, digits, hyphens and underscores in labels of 1…63 bytes, 253 in all.
    static func isHostName(_ name: String) -> Bool {
        guard (1...253).contains(name.utf8.count) else { return false }
        return name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.count)
                && label.allSatisfy {
                    ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z"))
                        || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                        || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                }
        }
    }

    static func isLoopback(_ bytes: [UInt8]) -> Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    }

    /// The bytes of an IP address literal, `nil` for anything else.
    static func addressBytes(_ text: String) -> [UInt8]? {
        guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
        switch address {
        // Where sockaddr_in and sockaddr_in6 keep the address, on every system.
        case .v4(let v4): return withUnsafeBytes(of: v4.address) { Array($0[4..<8]) }
        case .v6(let v6): return withUnsafeBytes(of: v6.address) { Array($0[8..<24]) }
        case .unixDomainSocket: return nil
        }
    }
}
