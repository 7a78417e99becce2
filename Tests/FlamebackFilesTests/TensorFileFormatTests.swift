import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

@Suite struct AnyFormatTests {
  @Test(arguments: [
    ("checkpoint.pth", TensorFile.Format.pytorch), ("views-legacy.pth", .pytorchLegacy), ("script.pt", .torchScript),
    ("two.safetensors", .safetensors), ("float32.npy", .npy), ("two.npz", .npz), ("two-compressed.npz", .npz),
  ])
  func theFormatIsSeenFromTheContent(_ name: String, _ format: TensorFile.Format) throws {
    let file = try TensorFile(fixture(name))
    #expect(file.format == format && !file.tensors.isEmpty)
    try file.verify()
    #expect(file.names.allSatisfy { file[$0] != nil })
  }

  @Test func whatIsNoTensorFileIsRefused() throws {
    for bytes in [[], [1, 2, 3], Array("{\"a\": 1}".utf8), Array(repeating: 0, count: 100)] as [[UInt8]] {
      #expect(throws: FileError.self) { try TensorFile(FileBytes(bytes, path: "x")) }
    }
    #expect(throws: FileError.self) { try TensorFile(fixture("gray.png")) }
  }

  private func tensors() -> [(name: String, tensor: RawTensor)] {
    let base = RawTensor((0..<100).map(Float.init), [10, 10])
    let view = RawTensor(type: .float32, shape: [10], strides: [10], offset: 3, storage: base.storage)
    return [("base", base), ("tied", base), ("column", view), ("count", RawTensor([7] as [Int64], []))]
  }

  @Test(arguments: ["x.pth", "x.safetensors", "x.npz", "x.safetensors.index.json"])
  func tensorsGoFromFormatToFormat(_ name: String) throws {
    try withFolder { folder in
      let path = folder + "/" + name
      try TensorFile.write(tensors(), to: path)
      let file = try TensorFile(path)
      try file.verify()
      for (name, tensor) in tensors() {
        #expect(file[name]?.bytes == tensor.bytes && file[name]?.shape == tensor.shape, "\(name)")
      }
      // One copy of what is one in memory, where the format can say so.
      let isTied = try #require(file["base"]).storage === #require(file["tied"]).storage
      #expect(isTied == !name.hasSuffix("npz"))
      #expect(throws: FileError.self) { try TensorFile.write(tensors(), to: folder + "/x.unknown") }
      #expect(throws: FileError.self) { try TensorFile.write(tensors(), to: folder + "/x.npy") }
    }
  }

  @Test func aCompressedArchiveIsSmallAndReadAgain() throws {
    try withFolder { folder in
      let zeros = RawTensor([Float](repeating: 0, count: 10_000), [100, 100])
      try Npy.writeArchive([("z", zeros)], compressed: true, to: folder + "/z.npz")
      let file = try TensorFile(folder + "/z.npz")
      #expect(file["z"]?.bytes == zeros.bytes)
      #expect(try FileBytes(mapping: folder + "/z.npz").count < 1000)
    }
  }

  @Test func shardsAreAsLargeAsAllowed() throws {
    try withFolder { folder in
      let tensors = (0..<5).map { ("t\($0)", RawTensor((0..<10).map { Float($0) }, [10])) }
      let path = folder + "/model.safetensors.index.json"
      try ShardedSafetensors.write(tensors, shardSize: 90, to: path)
      let file = try ShardedSafetensors(path)
      #expect(file.shards == (1...3).map { "model-0000\($0)-of-00003.safetensors" })
      #expect(file.tensors.map(\.name) == tensors.map(\.0))
      #expect(try JSON(contentsOf: path)["metadata"]?["total_size"]?.int == 200)
      // Names that leave the folder, files and tensors that are not there.
      for (name, words) in [
        ("../x.safetensors", "same folder"), ("/etc/passwd", "same folder"), ("..", "same folder"),
        ("none.safetensors", "no such file"), (file.shards[2], "does not have it"),
      ] {
        let index: JSON = ["weight_map": ["t0": .string(name)]]
        try AtomicFile.write(Array(index.text().utf8), to: folder + "/bad.json")
        let error = #expect(throws: FileError.self) { try ShardedSafetensors(folder + "/bad.json") }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
      }
    }
  }

  /// 3 GB that the disk does not hold: opening must read names only.
  @Test func aHugeFileOpensAtOnce() throws {
    try withFolder { folder in
      let path = folder + "/huge.safetensors"
      let size = 3 << 30
      let header = Array("{\"w\":{\"dtype\":\"U8\",\"shape\":[\(size)],\"data_offsets\":[0,\(size)]}}".utf8)
      var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
      bytes += header
      try AtomicFile.write(bytes, to: path)
      #expect(truncate(path, off_t(bytes.count + size)) == 0)
      let start = ContinuousClock.now
      let file = try TensorFile(path)
      #expect(file["w"]?.byteCount == size)
      #expect(ContinuousClock.now - start < .seconds(1))
    }
  }

  @Test func checksumsOfLargeStoragesAreComparedInPieces() throws {
    try withFolder { folder in
      let path = folder + "/large.pth"
      let count = 3_000_000  // 12 MB: several pieces
      let large = RawTensor((0..<count).map { Float($0) }, [count])
      try TensorFile.write([("w", large), ("v", RawTensor([1] as [Float], [1]))], to: path)
      try TensorFile(path).verify()
      var bytes = try FileBytes(mapping: path).array
      bytes[bytes.count / 2] ^= 16
      let error = #expect(throws: FileError.self) { try TensorFile(FileBytes(bytes, path: "x")).verify() }
      #expect(error?.place == "record large/data/0")
      #expect(throws: FileError.self) { try PyTorchFile.load(FileBytes(bytes)) }
      _ = try PyTorchFile.load(FileBytes(bytes), verify: .never)
    }
  }
}
