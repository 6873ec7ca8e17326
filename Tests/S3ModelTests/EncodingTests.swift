import Foundation
import S3Model
import Testing

@Suite struct EncodingTests {
    @Test func agreeWithFoundation() throws {
        var generator = SeededGenerator(seed: 10)
        for count in 0..<200 {
            let bytes = generator.bytes(count)
            let base64 = Data(bytes).base64EncodedString()
            #expect(Base64.encode(bytes) == base64)
            #expect(Base64.decode(base64) == bytes)
            let hex = bytes.map { String(format: "%02x", $0) }.joined()
            #expect(Hex.encode(bytes) == hex)
            #expect(Hex.decode(hex) == bytes)
            #expect(Hex.decode(hex.uppercased()) == bytes)
        }
    }

    @Test(arguments: [
        "A", "AA", "AAA", "AA=A", "A===", "====", "AAAA====", "AB==", "AAB=", "AA==AAAA", "A A=", "AA-_", "é===",
    ])
    func base64IsStrict(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(arguments: ["a", "0g", "abc", "é"])
    func hexIsStrict(_ text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func percentEncodingRoundTrips() throws {
        var generator = SeededGenerator(seed: 11)
        let letters = CharacterSet(charactersIn: "a"..."z").union(CharacterSet(charactersIn: "A"..."Z"))
        let unreserved = letters.union(CharacterSet(charactersIn: "0123456789-._~"))
        for _ in 0..<500 {
            let text = generator.text(20)
            let encoded = PercentEncoding.encode(text)
            #expect(encoded == text.addingPercentEncoding(withAllowedCharacters: unreserved))
            let decoded = try #require(PercentEncoding.decode(encoded.utf8))
            #expect(Array(decoded.utf8) == Array(text.utf8))
        }
    }

    @Test func percentEncodingCases() {
        #expect(PercentEncoding.encode("a b/ü+~") == "a%20b%2F%C3%BC%2B~")
        #expect(PercentEncoding.encode("a b/c", keepingSlash: true) == "a%20b/c")
        #expect(PercentEncoding.decode("a+b%2fc%2F".utf8) == "a+b/c/")
        #expect(PercentEncoding.decode("%00".utf8) == "\u{0}")
    }

    @Test(arguments: ["%", "%1", "%zz", "%1g", "%ff", "%C3", "%ED%A0%80", "%C0%80"])
    func percentDecodingRefuses(_ text: String) {
        #expect(PercentEncoding.decode(text.utf8) == nil)
    }

    @Test func percentDecodingNeverCrashes() {
        var generator = SeededGenerator(seed: 12)
        let alphabet = Array("%%%%%0189afAFgz+/ \u{FF}".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<12, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            if let text = PercentEncoding.decode(bytes) {
                #expect(PercentEncoding.decode(PercentEncoding.encode(text).utf8) == text)
            }
        }
    }
}
