import S3Model
import Testing

@Suite struct BucketNameTests {
    @Test(arguments: [
        "abc", "a.b.c", "0-9", "my-bucket.example.com", "a--b", "a.b--c", "192.168.5", "1.2.3.4a",
        String(repeating: "a", count: 63),
    ])
    func valid(_ text: String) {
        #expect(BucketName(text)?.rawValue == text)
    }

    @Test(arguments: [
        "", "ab", "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "foo.-bar", "foo-.bar", "a.-.b", "192.168.5.4",
        "xn--abc", "abc-s3alias", "abc.mrap", "v20180820", "äbc", "a/b", String(repeating: "a", count: 64),
    ])
    func invalid(_ text: String) {
        #expect(BucketName(text) == nil)
    }
}
