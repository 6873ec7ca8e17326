import Gateway

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A blocking GET for the `status` command: one request on one connection, HTTP/1.0, with limits on time and size.
enum LocalHTTPClient {
    struct Answer: Equatable {
        let status: Int
        let body: [UInt8]
    }

    static let maximumBytes = 16 << 20

    /// Throws ``OperatorError`` with the reason in words.
    static func get(_ path: String, at address: ListenAddress, timeoutSeconds: Int = 5) throws -> Answer {
        try send("GET", path, headers: [("Host", "\(address)")], at: address, timeoutSeconds: timeoutSeconds)
    }

    /// A request without a body. `headers` hold `Host`. Throws as ``get(_:at:timeoutSeconds:)`` does.
    static func send(
        _ method: String, _ path: String, headers: [(name: String, value: String)], at address: ListenAddress,
        timeoutSeconds: Int
    ) throws -> Answer {
        let descriptor = try connect(to: address, timeoutSeconds: timeoutSeconds)
        defer { close(descriptor) }
        let lines = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        let request = Array("\(method) \(path) HTTP/1.0\r\n\(lines)Connection: close\r\n\r\n".utf8)
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes { POSIXFile.writeOnce(descriptor, $0) }
            if count > 0 { sent += count; continue }
            if count < 0 && errno == EINTR { continue }
            throw OperatorError("The connection to \(address) broke while asking: \(reason(errno)).")
        }
        return try parse(try readAll(descriptor, address), address)
    }

    private static func connect(to address: ListenAddress, timeoutSeconds: Int) throws -> Int32 {
        var hints = addrinfo()
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &found)
        guard code == 0, let first = found else {
            throw OperatorError("\(address.host) cannot be resolved: \(String(cString: gai_strerror(code))).")
        }
        defer { freeaddrinfo(first) }
        var failure: Int32 = ECONNREFUSED
        var candidate: UnsafeMutablePointer<addrinfo>? = first
        while let info = candidate {
            candidate = info.pointee.ai_next
            let descriptor = socket(info.pointee.ai_family, info.pointee.ai_socktype, info.pointee.ai_protocol)
            guard descriptor >= 0 else { failure = errno; continue }
            var limit = timeval()
            limit.tv_sec = timeoutSeconds
            let size = socklen_t(MemoryLayout<timeval>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
            if sysConnect(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 { return descriptor }
            failure = errno
            close(descriptor)
        }
        throw OperatorError("Nothing answers on \(address): \(reason(failure)).")
    }

    private static func sysConnect(
        _ descriptor: Int32, _ address: UnsafeMutablePointer<sockaddr>?, _ length: socklen_t
    ) -> Int32 {
        #if canImport(Glibc)
            Glibc.connect(descriptor, address, length)
        #elseif canImport(Musl)
            Musl.connect(descriptor, address, length)
        #else
            Darwin.connect(descriptor, address, length)
        #endif
    }

    private static func readAll(_ descriptor: Int32, _ address: ListenAddress) throws -> [UInt8] {
        var out: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            if count == 0 { return out }
            if count < 0 {
                if errno == EINTR { continue }
                throw OperatorError("The server on \(address) did not answer completely: \(reason(errno)).")
            }
            out.append(contentsOf: chunk[..<count])
            guard out.count <= maximumBytes else {
                throw OperatorError("The answer of \(address) is larger than \(maximumBytes) bytes.")
            }
        }
    }

    /// Takes a whole answer apart. Chunked bodies are not asked for (HTTP/1.0), so the body is what follows the head.
    static func parse(_ bytes: [UInt8], _ address: ListenAddress) throws -> Answer {
        let end = Array("\r\n\r\n".utf8)
        var split: Int?
        if bytes.count >= end.count {
            split = (0...(bytes.count - end.count)).first { bytes[$0] == 13 && Array(bytes[$0..<($0 + 4)]) == end }
        }
        guard let split else { throw OperatorError("What answers on \(address) does not speak HTTP.") }
        let line = bytes.prefix { $0 != 13 }
        let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
        guard fields.count >= 2, fields[0].hasPrefix("HTTP/1."), let status = Int(fields[1]),
            (100...599).contains(status)
        else { throw OperatorError("What answers on \(address) does not speak HTTP.") }
        return Answer(status: status, body: Array(bytes[(split + 4)...]))
    }

    private static func reason(_ code: Int32) -> String {
        code == EAGAIN ? "it took too long" : String(cString: strerror(code))
    }
}
