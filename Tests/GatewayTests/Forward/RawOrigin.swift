import NIOCore
import NIOPosix
import Synchronization

@testable import Gateway

/// An upstream that answers (or does not) byte by byte as a test says.
final class RawOrigin: Sendable {
    enum Step: Sendable {
        case answer(String)
        case answerAndClose(String)
        case close
        /// Takes what comes and says nothing.
        case silence
    }

    /// What to do when the `request`th head (or more of it) of the `connection`th connection has arrived; both from 0.
    typealias Script = @Sendable (_ connection: Int, _ request: Int) -> Step

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let origin: RawOrigin
        let number: Int
        var request = 0
        var seen: [UInt8] = []

        init(_ origin: RawOrigin, number: Int) {
            self.origin = origin
            self.number = number
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            seen += unwrapInboundIn(data).readableBytesView
            guard let end = seen.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return }
            origin.heads.withLock { $0.append(String(decoding: seen[..<end], as: UTF8.self)) }
            seen = []
            let step = origin.script(number, request)
            request += 1
            switch step {
            case .answer(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            case .answerAndClose(let text):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                context.close(promise: nil)
            case .close: context.close(promise: nil)
            case .silence: break
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let script: Script
    private let channel = Mutex<(any Channel)?>(nil)
    private let connections = Atomic<Int>(0)
    let heads = Mutex<[String]>([])

    private init(_ script: @escaping Script) { self.script = script }

    var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// Runs `body` with the origin's address.
    static func run(
        _ script: @escaping Script, body: (RawOrigin, ListenAddress) async throws -> Void
    ) async throws {
        let origin = RawOrigin(script)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let number = origin.connections.add(1, ordering: .relaxed).oldValue
                    try channel.pipeline.syncOperations.addHandler(Handler(origin, number: number))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let address = ListenAddress(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
        do {
            try await body(origin, address)
        } catch {
            try? await channel.close()
            throw error
        }
        try? await channel.close()
    }
}
