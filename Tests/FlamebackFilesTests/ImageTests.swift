import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

@Suite struct PNGTests {
  /// The picture of every fixture.
  private func gray(_ x: Int, _ y: Int) -> UInt8 { UInt8(x * 30 + y * 7) }

  @Test func everyKindIsRead() throws {
    let grays = (0..<35).map { gray($0 % 7, $0 / 7) }
    let rgbs = grays.flatMap { [$0, 255 - $0, $0 / 2] }
    for name in ["gray.png", "gray16.png", "gray-alpha.png"] {
      #expect(try PNG.read(fixture(name)) == RawImage(width: 7, height: 5, channels: 1, pixels: grays), "\(name)")
    }
    #expect(try PNG.read(fixture("gray.png"), mode: .rgb).pixels == grays.flatMap { [$0, $0, $0] })
    #expect(try PNG.read(fixture("rgb.png")) == RawImage(width: 7, height: 5, channels: 3, pixels: rgbs))
    let rgba = try PNG.read(fixture("rgba.png"))
    #expect(
      rgba.channels == 4
        && rgba.pixels.enumerated().allSatisfy { $0 % 4 == 3 ? $1 == grays[$0 / 4] : $1 == rgbs[$0 / 4 * 3 + $0 % 4] })
    #expect(try PNG.read(fixture("rgba.png"), mode: .rgb).pixels == rgbs)
    #expect(try PNG.read(fixture("palette.png")).pixels == Npy.read(fixture("palette-rgb.npy")).bytes)
    #expect(try PNG.read(fixture("bits.png")).pixels == grays.map { $0 > 100 ? 255 : 0 })
    // Luma as ITU-R 601 weighs it.
    let luma = try PNG.read(fixture("rgb.png"), mode: .gray).pixels
    for (i, y) in luma.enumerated() {
      let expected = 0.299 * Double(rgbs[3 * i]) + 0.587 * Double(rgbs[3 * i + 1]) + 0.114 * Double(rgbs[3 * i + 2])
      #expect(abs(Double(y) - expected) <= 1)
    }
  }

  @Test(arguments: [1, 3, 4])
  func whatIsWrittenIsReadAgain(_ channels: Int) throws {
    try withFolder { folder in
      let image = RawImage(width: 3, height: 2, channels: channels, pixels: (0..<(6 * channels)).map { UInt8($0 * 10) })
      try PNG.write(image, to: folder + "/x.png")
      #expect(try PNG.read(folder + "/x.png") == image)
    }
  }

  @Test func hugeSizesInSmallFilesAreRefused() throws {
    // 4,096 × 4,096 and 65,536 × 65,536 in the header, its checksum set right.
    for (size, complaint) in [([0, 0, 16, 0], "cannot hold"), ([0, 1, 0, 0], "beyond the limit")] as [([UInt8], String)]
    {
      var bytes = try fixtureBytes("gray.png")
      bytes.replaceSubrange(16..<24, with: size + size)
      let crc = bytes[12..<29].withUnsafeBytes { Deflate.crc32($0) }
      for i in 0..<4 { bytes[29 + i] = UInt8(truncatingIfNeeded: crc >> (24 - 8 * UInt32(i))) }
      let error = #expect(throws: FileError.self) { try PNG.read(FileBytes(bytes, path: "x.png")) }
      #expect(error?.message.contains(complaint) == true)
    }
  }
}

@Suite struct ImageSetTests {
  private func idx(_ type: UInt8, _ sizes: [Int], _ data: [UInt8]) -> [UInt8] {
    [0, 0, type, UInt8(sizes.count)] + sizes.flatMap { [UInt8(0), 0, UInt8($0 >> 8), UInt8($0 & 255)] } + data
  }

  @Test func mnist() throws {
    try withFolder { folder in
      let pixels = (0..<(3 * 4 * 5)).map { UInt8($0) }
      let images = idx(8, [3, 4, 5], pixels)
      let labels = idx(8, [3], [7, 0, 9])
      try AtomicFile.write(images, to: folder + "/t10k-images-idx3-ubyte")
      let packed = labels.withUnsafeBytes { Deflate.deflate($0, kind: .gzip) }
      try AtomicFile.write(packed, to: folder + "/t10k-labels-idx1-ubyte.gz")
      let set = try IDX.mnist(folder, train: false)
      #expect(set.count == 3 && set.channels == 1 && set.height == 4 && set.width == 5)
      #expect(set.pixels == pixels && set.labels == [7, 0, 9])
      let error = #expect(throws: FileError.self) { try IDX.mnist(folder, train: true) }
      #expect(error?.message.contains("train-images-idx3-ubyte") == true)
      try AtomicFile.write(idx(8, [2], [7, 0]), to: folder + "/t10k-labels-idx1-ubyte")
      #expect(throws: FileError.self) { try IDX.mnist(folder, train: false) }
    }
    #expect(try IDX.read(FileBytes(idx(0x0B, [2], [1, 2, 3, 4]))).values(Int16.self) == [258, 772])
    let file = idx(8, [3, 2], [1, 2, 3, 4, 5, 6])
    for length in 0..<file.count { #expect(throws: FileError.self) { try IDX.read(FileBytes(Array(file[..<length]))) } }
    #expect(throws: FileError.self) { try IDX.read(FileBytes([0, 0, 8, 4] + [UInt8](repeating: 0xFF, count: 16))) }
  }

  @Test func cifar() throws {
    let pixels = (0..<(2 * 3072)).map { UInt8($0 % 251) }
    for name in ["cifar-python2.pickle", "cifar-python3.pickle"] {
      let set = try CIFAR.readPython(FileBytes(mapping: fixture(name)))
      #expect(set.labels == [3, 9] && set.pixels == pixels, "\(name)")
    }
    try withFolder { folder in
      let binary = [3] + pixels[..<3072] + [9] + pixels[3072...]
      try FileManager.default.createDirectory(
        atPath: folder + "/cifar-10-batches-bin", withIntermediateDirectories: true)
      try AtomicFile.write(Array(binary), to: folder + "/cifar-10-batches-bin/test_batch.bin")
      let set = try CIFAR.load(folder, train: false)
      #expect(set.labels == [3, 9] && set.pixels == pixels && set.imageSize == 3072)
      try AtomicFile.write(Array(binary), to: folder + "/cifar-10-batches-bin/data_batch_1.bin")
      let half = #expect(throws: FileError.self) { try CIFAR.load(folder, train: true) }
      #expect(half?.path.hasSuffix("data_batch_2.bin") == true)
      #expect(throws: FileError.self) { try CIFAR.load(folder + "/nowhere", train: true) }
      #expect(throws: FileError.self) { try CIFAR.readBinary(FileBytes(Array(binary.dropLast()))) }
      #expect(throws: FileError.self) { try CIFAR.readBinary(FileBytes([10] + pixels[..<3072])) }
    }
    let bytes = try fixtureBytes("cifar-python2.pickle")
    for length in stride(from: 0, to: bytes.count, by: 37) {
      #expect(throws: FileError.self) { try CIFAR.readPython(FileBytes(Array(bytes[..<length]))) }
    }
    for i in Array(0..<200) + Array((bytes.count - 60)..<bytes.count) {
      var damaged = bytes
      damaged[i] ^= 0x41
      _ = try? CIFAR.readPython(FileBytes(damaged))
    }
  }

  @Test func digits() throws {
    let line = (0..<64).map { "\($0 % 17).000e+00" }.joined(separator: ",")
    let csv = Array("\(line),7.0\n\(line),0\n".utf8)
    let set = try DigitsCSV.read(FileBytes(csv))
    #expect(set.labels == [7, 0] && set.pixels == (0..<128).map { UInt8($0 % 64 % 17) })
    let packed = csv.withUnsafeBytes { Deflate.deflate($0, kind: .gzip) }
    #expect(try DigitsCSV.read(FileBytes(packed)).pixels == set.pixels)
    for bad in ["", "1,2,3", "\(line),10", "\(line),x", line.replacingOccurrences(of: "16", with: "17") + ",1"] {
      #expect(throws: FileError.self) { try DigitsCSV.read(FileBytes(Array(bad.utf8))) }
    }
    for length in 0..<packed.count {
      #expect(throws: FileError.self) { try DigitsCSV.read(FileBytes(Array(packed[..<length]))) }
    }
  }
}

@Suite struct FileTests {
  @Test func digests() {
    #expect(Digest.md5("".utf8) == "d41d8cd98f00b204e9800998ecf8427e")
    #expect(Digest.md5("The quick brown fox jumps over the lazy dog".utf8) == "9e107d9d372bb6826bd81d3542a419d6")
    #expect(Digest.sha256("".utf8) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(Digest.sha256("abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    #expect(Digest.sha256(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func aFailedWriteLeavesTheOldFile() throws {
    try withFolder { folder in
      let path = folder + "/x"
      try AtomicFile.write([1, 2, 3], to: path)
      do {
        let file = try AtomicFile(path)
        try file.write([UInt8](repeating: 9, count: 100_000))
      }  // no commit
      #expect(try FileBytes(mapping: path).array == [1, 2, 3])
      try AtomicFile.write([4], to: path)
      #expect(try FileBytes(mapping: path).array == [4])
      try FileManager.default.createDirectory(atPath: folder + "/d/e", withIntermediateDirectories: true)
      #expect(throws: FileError.self) { try AtomicFile.write([1], to: folder + "/d") }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["d", "x"])
      let missing = #expect(throws: FileError.self) { try AtomicFile.write([1], to: folder + "/no/x") }
      #expect(missing?.message == "cannot write the file: there is no such file or folder")
      #expect(throws: FileError.self) { try FileBytes(mapping: folder) }
    }
  }

  @Test func tarNamesStayInside() throws {
    func record(_ name: String, _ data: [UInt8]) -> [UInt8] {
      var header = [UInt8](repeating: 0, count: 512)
      header.replaceSubrange(0..<name.utf8.count, with: Array(name.utf8))
      let size = String(data.count, radix: 8)
      header.replaceSubrange(124..<(124 + size.utf8.count), with: Array(size.utf8))
      header[156] = UInt8(ascii: "0")
      let sum = String(header.reduce(8 * 32) { $0 + Int($1) }, radix: 8)
      header.replaceSubrange(148..<(148 + sum.utf8.count), with: Array(sum.utf8))
      return header + data + [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
    }
    try withFolder { folder in
      let tar = record("a/b.txt", [1, 2, 3]) + record("c", []) + [UInt8](repeating: 0, count: 1024)
      try AtomicFile.write(tar.withUnsafeBytes { Deflate.deflate($0, kind: .gzip) }, to: folder + "/x.tar.gz")
      #expect(try Tar.extract(folder + "/x.tar.gz", to: folder + "/out") == ["a/b.txt", "c"])
      #expect(try FileBytes(mapping: folder + "/out/a/b.txt").array == [1, 2, 3])
      for name in ["../x", "/etc/x", "a/../../x", "a/"] {
        try AtomicFile.write(record(name, [1]), to: folder + "/bad.tar")
        #expect(throws: FileError.self) { try Tar.extract(folder + "/bad.tar", to: folder + "/out") }
      }
      try AtomicFile.write(Array(tar[..<514]), to: folder + "/cut.tar")
      #expect(throws: FileError.self) { try Tar.extract(folder + "/cut.tar", to: folder + "/out") }
    }
  }
}
