import ArgumentParser
import Gateway
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `meridian env`: shell lines that point unmodified AWS clients here (spec/clients.md §3).
struct Env: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print shell lines that point AWS clients to the server: eval \"$(meridian env)\".",
        discussion: """
            Default: an endpoint variable and a data overlay for boto3 and the AWS CLI (no TLS, no awscrt needed). With \
            --proxy: HTTPS_PROXY and a CA bundle for every other SDK, with the real AWS host names and SigV4A.
            """)

    @Flag(help: "Use the server as HTTPS proxy (every SDK; SigV4A needs botocore[crt], as on AWS).")
    var proxy = false

    @Option(help: "The server's data folder.")
    var data = DataFolder.defaultPath

    func run() throws {
        try OperatorError.reporting {
            let folder = DataFolder(path: data)
            guard let credentials = try folder.storedRootCredentials() else {
                throw OperatorError(
                    "There are no keys in \(folder.path) yet: run `meridian serve --data \(data)` first.")
            }
            let address = try Self.address(folder.runtime()?.addresses ?? [])
            let variables = EnvironmentVariables(
                address: address, dataPath: folder.path("botocore"), certificate: folder.path("ca.pem"),
                credentials: credentials,
                inherited: { name in getenv(name).map { String(cString: $0) } })
            Terminal.out((proxy ? variables.proxyLines : variables.overlayLines).joined(separator: "\n"))
            if !folder.isInUse { Terminal.note("meridian: no server is running on \(folder.path) now.") }
        }
    }

    /// The address that clients on this machine should use: IPv4 before IPv6, because some clients cannot take an IPv6
    /// literal in an endpoint; the default when no server has left one.
    static func address(_ bound: [String]) throws -> ListenAddress {
        let parsed = try bound.map { try ListenAddress.parse($0) } + ServerConfiguration.defaultListen
        let first = bound.isEmpty ? ServerConfiguration.defaultListen : Array(parsed.dropLast(2))
        let chosen = first.first { !$0.host.contains(":") } ?? first.first ?? ServerConfiguration.defaultListen[0]
        return chosen.reachable
    }
}

/// The lines of both routes. Pure.
struct EnvironmentVariables {
    let address: ListenAddress
    let dataPath: String
    let certificate: String
    let credentials: RootCredentials
    /// The variables that the shell has now.
    let inherited: (String) -> String?

    /// Route A of spec/clients.md §3.1. What the other route set is taken back, so that one shell can change over; a proxy
    /// that is not ours stays, and is told to leave this machine's addresses alone.
    var overlayLines: [String] {
        let hadProxyRoute = inherited("AWS_CA_BUNDLE") == certificate
        var lines = [
            "unset AWS_PROFILE AWS_SESSION_TOKEN" + (hadProxyRoute ? " HTTPS_PROXY AWS_CA_BUNDLE SSL_CERT_FILE" : ""),
            Self.export("AWS_ENDPOINT_URL", "http://\(address)"), Self.export("AWS_DATA_PATH", dataPath),
        ]
        if inherited("HTTP_PROXY") != nil || inherited("http_proxy") != nil {
            let known = inherited("no_proxy") ?? inherited("NO_PROXY") ?? ""
            let own = "127.0.0.1,localhost,::1"
            let all = known.isEmpty || known.hasPrefix(own) ? own : "\(own),\(known)"
            lines += [Self.export("NO_PROXY", all), Self.export("no_proxy", all)]
        }
        return lines + keys
    }

    /// Route B of spec/clients.md §3.2.
    var proxyLines: [String] {
        [
            "unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_DATA_PATH https_proxy",
            Self.export("HTTPS_PROXY", "http://\(address)"), Self.export("AWS_CA_BUNDLE", certificate),
            Self.export("SSL_CERT_FILE", certificate),
        ] + keys
    }

    private var keys: [String] {
        [
            Self.export("AWS_ACCESS_KEY_ID", credentials.accessKeyID),
            Self.export("AWS_SECRET_ACCESS_KEY", credentials.secretAccessKey.secret),
            Self.export("AWS_DEFAULT_REGION", "us-east-1"),
        ]
    }

    static func export(_ name: String, _ value: String) -> String { "export \(name)=\(quote(value))" }

    /// Quoted for a POSIX shell when it needs to be.
    static func quote(_ value: String) -> String {
        let plain = value.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/:._-+=,@".utf8.contains(byte)
            }
        }
        return plain && !value.isEmpty
            ? value
            : "'"
                + value.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
    }
}
