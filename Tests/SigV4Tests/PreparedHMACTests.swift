import Crypto
import Testing

@testable import SigV4

@Suite struct PreparedHMACTests {
    /// Against the library's HMAC, with keys below, at and above the block size; the prepared key is used twice.
    @Test(arguments: [0, 1, 32, 63, 64, 65, 200]) func agreesWithTheLibrary(keySize: Int) {
        let key = SymmetricKey(data: (0..<keySize).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) })
        let prepared = PreparedHMAC(key)
        for size in [0, 1, 55, 64, 130, 1000] {
            let text = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ 5) }
            #expect(Array(prepared.code(for: text)) == Array(HMAC<SHA256>.authenticationCode(for: text, using: key)))
            #expect(Array(prepared.code(for: text)) == Array(HMAC<SHA256>.authenticationCode(for: text, using: key)))
        }
    }
}
