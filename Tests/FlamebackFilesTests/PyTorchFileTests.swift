import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

@Suite struct PyTorchFileTests {
  @Test func aTrainingCheckpointOfPyTorch() throws {
    let root = try PyTorchFile.load(fixture("checkpoint.pth"))
    #expect(root["epoch"]?.int == 7)
    #expect(root["losses"]?.items?.map(\.double) == [1.5, 0.25])
    let model = try #require(root["model"]?.dict)
    #expect(model.isOrdered)
    #expect(
      model.map { $0.key.string } == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
      ])
    #expect(model["1.num_batches_tracked"]?.tensor?.values(Int64.self) == [1])
    #expect(model.attributes.first?.key.string == "_metadata")
    let state = try #require(root["optimizer"]?["state"]?.dict)
    #expect(state[int: 0]?["step"]?.tensor?.values(Float.self) == [1])
    #expect(root["optimizer"]?["param_groups"]?[0]?["betas"]?.items?.map(\.double) == [0.9, 0.999])
    #expect(root.namedTensors.contains { $0.name == "optimizer.state.0.exp_avg" })
  }

  @Test func everyTypeOfElement() throws {
    let root = try #require(PyTorchFile.load(fixture("dtypes.pth")).dict)
    #expect(root.count == 17)
    for entry in root {
      let name = try #require(entry.key.string)
      let tensor = try #require(entry.value.tensor)
      #expect(tensor.type.rawValue == name)
      #expect(tensor.shape == [3])
      #expect(tensor.byteCount == tensor.bytes.count)
    }
    #expect(root["float16"]?.tensor?.values(Float16.self) == [0, 1, 1])
    #expect(root["bool"]?.tensor?.bytes == [0, 1, 1])
  }

  @Test(arguments: ["views.pth", "views-legacy.pth"])
  func viewsShareTheirStorage(_ name: String) throws {
    let root = try PyTorchFile.load(fixture(name))
    let base = try #require(root["base"]?.tensor)
    let transposed = try #require(root["transposed"]?.tensor)
    #expect(base.storage === transposed.storage)
    #expect(transposed.shape == [4, 3] && transposed.strides == [1, 4])
    #expect(transposed.values(Float.self) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    #expect(root["row"]?.tensor?.values(Float.self) == [4, 5, 6, 7])
    #expect(root["scalar"]?.tensor?.shape == [])
    #expect(root["empty"]?.tensor?.shape == [0, 2])
    #expect(root["parameter"]?.tensor?.requiresGrad == true)
    let misc = try #require(root["misc"]?.items)
    #expect(misc[0].int == 1 && misc[1].int == -2 && misc[2].int == 1 << 40)
    if case .bigInt(let digits) = misc[3] { #expect(digits == [0, 0, 0, 0, 0, 0, 0, 0, 64]) } else { Issue.record() }
    #expect(misc[4].string == "hé" && misc[5].isNone && misc[6].bool == true && misc[8].double == 1e-300)
    if case .bytes(let bytes) = misc[7] { #expect(bytes == [0, 255]) } else { Issue.record() }
    if case .size(let sizes)? = root["size"] { #expect(sizes == [2, 3]) } else { Issue.record() }
    if case .dtype(let type)? = root["dtype"] { #expect(type == .float16) } else { Issue.record() }
    if case .device(let name)? = root["device"] { #expect(name == "cpu") } else { Issue.record() }
    #expect(root.dict?[int: 3]?["x"]?.items?.isEmpty == true)
  }

  @Test func theParametersOfATorchScriptArchive() throws {
    let root = try PyTorchFile.load(fixture("script.pt"))
    #expect(root["weight"]?.tensor?.shape == [1, 2])
    #expect(root["bias"]?.tensor?.shape == [1])
  }

  @Test(arguments: ["checkpoint.pth", "dtypes.pth", "views.pth"])
  func whatIsWrittenIsReadAgain(_ name: String) throws {
    try withFolder { folder in
      let root = try PyTorchFile.load(fixture(name))
      let path = folder + "/again.pth"
      try PyTorchFile.save(root, to: path)
      let again = try PyTorchFile.load(path)
      let (a, b) = (root.namedTensors, again.namedTensors)
      #expect(a.map(\.name) == b.map(\.name))
      for (x, y) in zip(a, b) {
        #expect(x.tensor.type == y.tensor.type && x.tensor.shape == y.tensor.shape, "\(x.name)")
        #expect(x.tensor.bytes == y.tensor.bytes, "\(x.name)")
      }
      // Storages begin at multiples of 64, so that they can be mapped.
      let zip = try ZipArchive(path)
      let start = try #require(zip.file.bytes.baseAddress)
      for record in zip.records {
        let data = try zip.read(record).bytes.baseAddress
        #expect(data == nil || (data! - start) % 64 == 0)
      }
    }
  }

  @Test func sharedStoragesStayShared() throws {
    try withFolder { folder in
      let base = RawTensor((0..<1000).map(Float.init), [1000])
      let row = RawTensor(type: .float32, shape: [10], offset: 20, storage: base.storage)
      let alone = RawTensor(
        type: .float32, shape: [2], offset: 5, storage: RawTensor((0..<1000).map(Float.init), [1000]).storage)
      let path = folder + "/shared.pth"
      try PyTorchFile.save(
        .dict(PickleDict([("base", .tensor(base)), ("row", .tensor(row)), ("alone", .tensor(alone))])), to: path)
      let root = try PyTorchFile.load(path)
      #expect(root["base"]?.tensor?.storage === root["row"]?.tensor?.storage)
      #expect(root["row"]?.tensor?.values(Float.self) == (20..<30).map(Float.init))
      // A slice that nobody shares takes its own elements along, not all 1,000.
      #expect(root["alone"]?.tensor?.storage.bytes.count == 8)
      #expect(root["alone"]?.tensor?.values(Float.self) == [5, 6])
    }
  }

  @Test func aFlippedBitInAStorageIsFound() throws {
    var bytes = try fixtureBytes("views.pth")
    let zip = try ZipArchive(FileBytes(bytes))
    let record = try #require(zip.records.first { $0.name.hasSuffix("data/0") })
    let data = try zip.read(record).bytes.baseAddress! - zip.file.bytes.baseAddress!
    bytes[data + 5] ^= 4
    let error = #expect(throws: FileError.self) { try PyTorchFile.load(FileBytes(bytes, path: "x.pth")) }
    #expect(error?.place == "record \(record.name)")
    #expect(error?.path == "x.pth")
    _ = try PyTorchFile.load(FileBytes(bytes), verify: .never)
  }
}
