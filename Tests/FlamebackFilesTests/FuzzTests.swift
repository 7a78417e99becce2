import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

/// Every reader against its files cut at every length and changed at every byte: a value or a `FileError`, nothing else.
@Suite struct FuzzTests {
  typealias Reader = @Sendable (FileBytes) throws -> Void

  static let readers: [(String, Reader)] = [
    ("views.pth", { try touch(PyTorchFile.load($0, verify: .never).namedTensors) }),
    ("views-legacy.pth", { try touch(PyTorchFile.load($0).namedTensors) }),
    ("script.pt", { try touch(PyTorchFile.load($0, verify: .never).namedTensors) }),
    ("two.safetensors", { try touch(Safetensors($0).tensors) }),
    ("float32.npy", { _ = try Npy.read($0).bytes }),
    ("fortran-big-endian.npy", { _ = try Npy.read($0).bytes }),
    ("objects.npy", { _ = try Npy.read($0).bytes }),
    ("two.npz", { try touch(Npy.readArchive($0)) }),
    ("two-compressed.npz", { try touch(Npy.readArchive($0)) }),
    ("checkpoint.pth", { try touch(TensorFile($0).tensors) }),
    ("dtypes.pth", { try touch(TensorFile($0).tensors) }),
    ("gray.png", { _ = try PNG.read($0) }),
    ("palette.png", { _ = try PNG.read($0, mode: .rgb) }),
    ("rgba.png", { _ = try PNG.read($0, mode: .gray) }),
    ("gray16.png", { _ = try PNG.read($0, mode: .rgba) }),
  ]

  private static func touch(_ tensors: [(name: String, tensor: RawTensor)]) {
    for (_, tensor) in tensors { _ = tensor.bytes }
  }

  /// True if it was read; a `FileError` must name the path.
  private static func survives(_ reader: Reader, _ bytes: [UInt8]) -> Bool? {
    do {
      try reader(FileBytes(bytes, path: "fuzz"))
      return true
    } catch let error as FileError {
      return error.path == "fuzz" && !error.message.isEmpty ? false : nil
    } catch {
      return nil
    }
  }

  @Test(arguments: readers.map(\.0))
  func truncated(_ name: String) throws {
    let reader = Self.readers.first { $0.0 == name }!.1
    let bytes = try fixtureBytes(name)
    if name != "objects.npy" { #expect(Self.survives(reader, bytes) == true) }
    for length in 0..<bytes.count {
      let result = Self.survives(reader, Array(bytes[..<length]))
      // What libpng leaves unread at the end of a PNG is the only thing that nobody misses.
      #expect(result == false || (result == true && name.hasSuffix("png")), "\(name) cut to \(length) bytes")
    }
  }

  @Test(arguments: readers.map(\.0))
  func changed(_ name: String) throws {
    let reader = Self.readers.first { $0.0 == name }!.1
    let bytes = try fixtureBytes(name)
    for i in bytes.indices {
      for change in [0xFF, 0x01, 0x80] as [UInt8] {
        var damaged = bytes
        damaged[i] ^= change
        #expect(Self.survives(reader, damaged) != nil, "\(name) with byte \(i) changed by \(change)")
      }
    }
  }

  /// Random damage in several places at once, and pieces of one file put into another place of it.
  @Test(arguments: readers.map(\.0))
  func scrambled(_ name: String) throws {
    let reader = Self.readers.first { $0.0 == name }!.1
    let bytes = try fixtureBytes(name)
    var generator = GeneratorState(seed: 7)
    func random(_ n: Int) -> Int { Int(generator.random32()) % max(n, 1) }
    for round in 0..<300 {
      var damaged = bytes
      for _ in 0...random(6) {
        switch random(4) {
        case 0: damaged[random(damaged.count)] = UInt8(random(256))
        case 1:
          let at = random(damaged.count)
          damaged.insert(contentsOf: damaged[at..<min(at + random(40), damaged.count)], at: random(damaged.count))
        case 2:
          let at = random(damaged.count)
          if damaged.count > 50 { damaged.removeSubrange(at..<min(at + random(20), damaged.count)) }
        default:
          for i in 0..<8 where damaged.count > 8 {
            damaged[min(random(damaged.count - 8) + i, damaged.count - 1)] = 0xFF
          }
        }
      }
      #expect(Self.survives(reader, damaged) != nil, "\(name) round \(round)")
    }
  }

  /// For `FLAMEBACK_FUZZ_SECONDS` seconds (one by default) inputs made of the corpus, its pieces and numbers that readers
  /// stumble over. What is being read is in a file named by `FLAMEBACK_FUZZ_INPUT`, for the case that it ends the process.
  @Test func forAWhile() throws {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["FLAMEBACK_FUZZ_SECONDS"].flatMap(Double.init) ?? 1
    let note = environment["FLAMEBACK_FUZZ_INPUT"]
    let corpus = try Self.readers.map { (name: $0.0, reader: $0.1, bytes: try fixtureBytes($0.0)) }
    var generator = GeneratorState(seed: environment["FLAMEBACK_FUZZ_SEED"].flatMap(UInt64.init) ?? 11)
    func random(_ n: Int) -> Int { Int(generator.random32()) % max(n, 1) }
    let numbers: [UInt64] = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 62, 1 << 63, .max]
    let words = [
      "-1", "99999999999999999999", "I-1\n", "\u{93}NUMPY", "PK\u{1}\u{2}", "(((((", "]]]]", "{\"", "1e999", ".",
    ]
    let start = Date()
    var (rounds, whole) = (0, 0)
    while Date().timeIntervalSince(start) < seconds {
      let entry = corpus[random(corpus.count)]
      var bytes = entry.bytes
      for _ in 0...random(4) {
        let at = random(bytes.count)
        switch random(7) {
        case 0: if at < bytes.count { bytes[at] ^= 1 << UInt8(random(8)) }
        case 1: if at < bytes.count { bytes[at] = UInt8(random(256)) }
        case 2:
          let width = 1 << random(4)
          let number = numbers[random(numbers.count)]
          for i in 0..<width where at + i < bytes.count {
            bytes[at + i] = UInt8(truncatingIfNeeded: number >> UInt64(8 * i))
          }
        case 3: bytes.insert(contentsOf: Array(words[random(words.count)].utf8), at: at)
        case 4: bytes.removeSubrange(at..<min(at + random(64), bytes.count))
        case 5:
          let other = corpus[random(corpus.count)].bytes
          let from = random(other.count)
          bytes.insert(contentsOf: other[from..<min(from + random(200), other.count)], at: at)
        default: bytes.removeLast(random(bytes.count / 4))
        }
        if bytes.isEmpty { bytes = [0] }
      }
      if let note { try AtomicFile.write(bytes, to: note) }
      let result = Self.survives(entry.reader, bytes)
      #expect(result != nil, "\(entry.name), round \(rounds)")
      rounds += 1
      whole += result == true ? 1 : 0
    }
    print("fuzzed \(rounds) inputs, \(whole) of them read as whole")
  }
}
