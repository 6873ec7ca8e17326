package import Cluster
import S3Model

/// The call `control`: the control store of this process, for the others of the installation.
package struct ControlService: PeerService {
    package static let name = "control"
    private let answers: ControlAnswers

    package init(_ answers: ControlAnswers) { self.answers = answers }

    package func answer(_ call: PeerMessage) async throws -> PeerMessage {
        do {
            return PeerMessage(head: try await answers.answer(call.head))
        } catch let error as ControlValue.Unreadable {
            throw S3Error(.invalidRequest, "The call to the control store is not understood: \(error).")
        }
    }
}

extension PeerClient: ControlTransport {
    package func answer(toControlCall call: [UInt8]) async throws -> [UInt8] {
        try await self.call(ControlService.name, PeerMessage(head: call)).head
    }
}
