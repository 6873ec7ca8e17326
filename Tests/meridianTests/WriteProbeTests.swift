import Testing

@testable import meridian

@Suite struct WriteProbeTests {
    @Test func littleRoomIsNoSpace() {
        let enough = WriteProbe.Room(bytes: WriteProbe.reservedBytes, files: WriteProbe.reservedFiles)
        #expect(WriteProbe.shortage(enough) == nil)
        #expect(WriteProbe.shortage(.init(bytes: 1 << 40, files: nil)) == nil)
        #expect(
            WriteProbe.shortage(.init(bytes: 3 << 20, files: nil)) == "no space: 3 MiB are free, 8 are needed")
        #expect(
            WriteProbe.shortage(.init(bytes: 1 << 40, files: 9))
                == "no space: 9 files can still be made, 1000 are needed")
    }

    @Test func aFolderThatTakesNoFilesIsTrouble() throws {
        try inTemporaryFolder { folder in
            #expect(WriteProbe.trouble(in: folder) == nil)
            #expect(try POSIXFile.list(folder) == [], "the probe leaves nothing behind")
            // In the way of the probe's file; root is stopped by nothing less.
            try POSIXFile.makeFolder(folder + "/probe")
            #expect(WriteProbe.trouble(in: folder)?.hasPrefix("cannot write \(folder)/probe") == true)
            #expect(WriteProbe.trouble(in: folder + "/missing")?.hasPrefix("cannot measure") == true)
        }
    }
}
