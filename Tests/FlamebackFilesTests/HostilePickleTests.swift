import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

@Suite struct HostilePickleTests {
  private func expectRefused(_ pickle: [UInt8], storages: [String: [UInt8]] = [:], _ words: String) throws {
    try withFolder { folder in
      let path = try archive(pickle: pickle, storages: storages, in: folder)
      let error = #expect(throws: FileError.self) { try PyTorchFile.load(path) }
      #expect(error?.message.contains(words) == true, "\(String(describing: error))")
      #expect(error?.path == path)
    }
  }

  private func text(_ string: String) -> [UInt8] { Array(string.utf8) }

  @Test func namesOutsideTheTableAreRefused() throws {
    try expectRefused(
      text("cposix\nsystem\n(X") + [4, 0, 0, 0] + text("truetR."), "'posix.system', which is not allowed")
    try expectRefused(text("cbuiltins\neval\n."), "not allowed")
    try expectRefused(text("ctorch\nload\n."), "not allowed")
    try expectRefused([0x80, 4, 0x95] + [UInt8](repeating: 0, count: 8) + text("."), "protocol 4")
    try expectRefused(text("(S'os.system'\ni."), "opcode 0x53")
  }

  @Test func deepNestingIsRefused() throws {
    for opcode in [[0x5D], [0x29]] as [[UInt8]] {  // lists, tuples
      let depth = 200_000
      let close: [UInt8] = opcode == [0x5D] ? [0x61] : [0x85]
      var pickle: [UInt8] = []
      if opcode == [0x5D] {
        pickle = Array(repeating: 0x5D, count: depth) + Array(repeating: close[0], count: depth - 1)
      } else {
        pickle = [0x29] + Array(repeating: close[0], count: depth)
      }
      try expectRefused(pickle + text("."), "nest deeper")
    }
  }

  @Test func aListThatContainsItselfIsRefused() throws {
    try expectRefused(text("]q\u{0}h\u{0}a."), "contain themselves")
  }

  @Test func namesOfOneListUnfoldOnlySoFar() throws {
    // l0 = []; l1 = [l0 × 10]; … l20: 10²⁰ values from 800 bytes.
    var pickle: [UInt8] = text("]q") + [0]
    for level in 1...20 {
      pickle += text("](") + [UInt8](repeating: 0, count: 0)
      for _ in 0..<10 { pickle += text("h") + [UInt8(level - 1)] }
      pickle += text("eq") + [UInt8(level)]
    }
    try expectRefused(pickle + text("."), "too many values")
  }

  @Test func hugeCountsAreRefusedBeforeMemoryIsTaken() throws {
    try expectRefused(text("X") + [0xFF, 0xFF, 0xFF, 0xFF] + text("abc."), "too early")
    try expectRefused(text("T") + [0xFF, 0xFF, 0xFF, 0x7F] + text("abc."), "too early")
    try expectRefused(text("T") + [0xFF, 0xFF, 0xFF, 0xFF] + text("abc."), "too early")
    try expectRefused([0x8B, 0xFF, 0xFF, 0xFF, 0x7F] + text("abc."), "too early")
    try expectRefused(text("h") + [7] + text("."), "never set")
    try expectRefused(text("."), "empty")
    try expectRefused(text("t."), "mark")
    try expectRefused([], "too early")
  }

  private func tensor(
    storage: String = "FloatStorage", count: String = "K\u{4}", offset: String = "K\u{0}", size: String = "K\u{4}",
    stride: String = "K\u{1}"
  ) -> [UInt8] {
    text("ctorch._utils\n_rebuild_tensor_v2\n((X") + [7, 0, 0, 0] + text("storagectorch\n\(storage)\nX") + [1, 0, 0, 0]
      + text("0X") + [3, 0, 0, 0] + text("cpu\(count)tQ\(offset)(\(size)t(\(stride)t") + [0x89]
      + text("ccollections\nOrderedDict\n)RtR.")
  }

  @Test func tensorsStayInsideTheirStorage() throws {
    let data: [String: [UInt8]] = ["0": [UInt8](repeating: 1, count: 16)]
    try withFolder { folder in
      let good = try PyTorchFile.load(archive(pickle: tensor(), storages: data, in: folder))
      #expect(good.tensor?.bytes == data["0"])
    }
    try expectRefused(tensor(size: "K\u{5}"), storages: data, "beyond the storage")
    try expectRefused(tensor(offset: "K\u{1}"), storages: data, "beyond the storage")
    try expectRefused(tensor(offset: "I-1\n"), storages: data, "negative offset")
    try expectRefused(tensor(size: "I-4\n"), storages: data, "negative size")
    try expectRefused(tensor(stride: "I-1\n"), storages: data, "negative stride")
    try expectRefused(tensor(size: "I4611686018427387904\n"), storages: data, "more elements than memory")
    try expectRefused(tensor(size: "K\u{2}", stride: "I9223372036854775807\n"), storages: data, "beyond")
    try expectRefused(tensor(size: "I1099511627776\n", stride: "K\u{0}"), storages: data, "too often")
    try expectRefused(tensor(size: "K\u{2}K\u{2}"), storages: data, "strides")
    try expectRefused(tensor(count: "K\u{5}"), storages: data, "16 bytes where the pickle says 20")
    try expectRefused(tensor(count: "I9223372036854775807\n"), storages: data, "storage of")
    try expectRefused(tensor(), "does not have it")
    try expectRefused(tensor(storage: "FileStorage"), storages: data, "not allowed")
  }
}
