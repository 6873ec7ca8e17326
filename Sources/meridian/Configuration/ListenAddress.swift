package import Gateway

/// As a person writes it: `HOST:PORT`, where the host is a name, an IPv4 address, or an IPv6 address in brackets. Port 0
/// lets the system choose.
extension ListenAddress {
    /// Throws ``OperatorError`` that says what was expected.
    package static func parse(_ text: String) throws(OperatorError) -> ListenAddress {
        let expected = "expected HOST:PORT, for example 127.0.0.1:9000 or [::1]:9000"
        guard let colon = text.lastIndex(of: ":") else {
            throw OperatorError("\"\(text)\" is no address to listen on: \(expected).")
        }
        var host = String(text[..<colon])
        let portText = text[text.index(after: colon)...]
        guard portText.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(portText), (0...65_535).contains(port)
        else {
            throw OperatorError("\"\(text)\" has no port between 0 and 65535: \(expected).")
        }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { throw OperatorError("\"\(text)\" lacks a closing bracket: \(expected).") }
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw OperatorError("An IPv6 address needs brackets in \"\(text)\": \(expected).")
        }
        guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw OperatorError("\"\(text)\" has no host: \(expected).")
        }
        return ListenAddress(host: host, port: port)
    }

    /// Where a client on this machine reaches a server bound to this address.
    package var reachable: ListenAddress {
        switch host {
        case "0.0.0.0": ListenAddress(host: "127.0.0.1", port: port)
        case "::", "0:0:0:0:0:0:0:0": ListenAddress(host: "::1", port: port)
        default: self
        }
    }
}
