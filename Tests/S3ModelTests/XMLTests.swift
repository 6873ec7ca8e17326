import S3Model
import Testing

@Suite struct XMLTests {
    @Test func readsWhatS3ClientsSend() throws {
        let root = try XMLReader.parse(
            Array(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <!-- a comment -->
                <s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/" a='x&amp;"y'>
                  <Object><Key>a &lt;b&gt; &#x41;&#66;&apos;</Key><VersionId/></Object>
                  <Object><Key><![CDATA[<raw> & ]] >]]></Key></Object><?pi text?>
                </s3:Delete >
                """.utf8))
        #expect(root.name == "Delete")
        #expect(root.attributes.map(\.name) == ["s3", "a"])
        #expect(root.attributes.last?.value == "x&\"y")
        #expect(root.children.count == 2)
        #expect(root.children[0].children.map(\.text) == ["a <b> AB'", ""])
        #expect(root.children[1].children.map(\.text) == ["<raw> & ]] >"])
    }

    @Test(arguments: [
        "", " ", "<", "<a", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a/>x", "x<a/>", "<a b></a>", "<a b=c/>",
        "<a b='c/>",
        "<a>&nope;</a>", "<a>&amp</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&#-1;</a>",
        "<a>&#+1;</a>", "<a>&#;</a>", "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a><!-- </a>",
        "<a><![CDATA[x</a>", "<1a/>", "<a\u{1}/>", "<a>\u{1}</a>", "<a b='<'/>", "<a b='1'c='2'/>",
        "<?xml version='1.0' encoding='UTF-16'?><a/>", "< a/>",
    ])
    func refuses(_ text: String) throws {
        let error = #expect(throws: S3Error.self) { try XMLReader.parse(Array(text.utf8)) }
        #expect(error?.code == .malformedXML)
    }

    @Test func limits() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)).utf8)
        }
        _ = try XMLReader.parse(nested(32))
        #expect(throws: S3Error.self) { try XMLReader.parse(nested(33)) }
        #expect(throws: S3Error.self) { try XMLReader.parse(nested(100_000)) }
        let declared = (0..<33).map { "<a xmlns:n\($0)='u'>" }.joined() + String(repeating: "</a>", count: 33)
        let limits = XMLReader.Limits(depth: 64)
        #expect(throws: S3Error.self) { try XMLReader.parse(Array(declared.utf8), limits: limits) }
        _ = try XMLReader.parse(Array(declared.replacing("n32", with: "n0").utf8), limits: limits)
        let wide = Array(("<a>" + String(repeating: "<b/>", count: 10) + "</a>").utf8)
        _ = try XMLReader.parse(wide, limits: .init(elements: 11))
        #expect(throws: S3Error.self) { try XMLReader.parse(wide, limits: .init(elements: 10)) }
        #expect(throws: S3Error.self) { try XMLReader.parse(wide, limits: .init(bytes: wide.count - 1)) }
        #expect(throws: S3Error.self) { try XMLReader.parse([0x3C, 0x61, 0x3E, 0xFF, 0x3C, 0x2F, 0x61, 0x3E]) }
    }

    @Test func writerEscapes() {
        let bytes = XMLWriter.document("A", namespace: "urn:x") { writer in
            writer.element("B", "a&b<c>\"d\"'\r\n\t\u{1}\u{7F}é")
            writer.empty("C")
            writer.element("D", true)
            writer.element("E", 42)
        }
        #expect(
            String(decoding: bytes, as: UTF8.self) == """
                <?xml version="1.0" encoding="UTF-8"?>
                <A xmlns="urn:x"><B>a&amp;b&lt;c&gt;&quot;d&quot;'&#xD;
                \t&#x1;&#x7F;é</B><C/><D>true</D><E>42</E></A>
                """)
    }

    @Test func textRoundTrips() throws {
        var generator = SeededGenerator(seed: 30)
        for _ in 0..<2_000 {
            let text = generator.text(12)
            let root = try XMLReader.parse(XMLWriter.document("A") { $0.text(text) })
            #expect(Array(root.text.utf8) == Array(text.utf8))
        }
    }

    @Test func neverCrashesOnMutatedDocuments() {
        let original = Array(
            """
            <?xml version="1.0" encoding="UTF-8"?><R xmlns="urn:x"><!-- c --><Rule><ID>a&amp;&#x41;</ID>\
            <F><And><Tag a='b'><Key>k</Key></Tag></And></F><![CDATA[x]]></Rule></R>
            """.utf8)
        var generator = SeededGenerator(seed: 31)
        for _ in 0..<30_000 {
            let bytes = generator.mutate(original)
            do throws(S3Error) {
                let root = try XMLReader.parse(bytes)
                #expect(!root.name.isEmpty)
            } catch {
                #expect(error.code == .malformedXML)
            }
        }
    }
}

extension SeededGenerator {
    /// One to four bytes replaced, removed, inserted, or a short run cut out.
    mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        let alphabet = Array("<>/&;#x![]-'\"=? a:\u{0}\r".utf8) + [0xFF, 0xC3]
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<4, using: &self) {
            case 0: bytes[index] = alphabet[Int(next() % UInt64(alphabet.count))]
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(alphabet[Int(next() % UInt64(alphabet.count))], at: index)
            default: bytes.removeSubrange(index..<min(bytes.count, index + 12))
            }
        }
        return bytes
    }
}
