import ArgumentParser
import Flameback
import FlamebackFiles

/// `flameback inspect FILE`
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what is in a file of tensors: PyTorch's, safetensors, NumPy's.",
    discussion: "Reads names and shapes only, unless --verify is given.")

  @Argument(help: "The file, or the index of several safetensors files.")
  var file: String
  @Flag(help: "Read all tensors, compare the checksums that the file has, and show checksums for formats without.")
  var verify = false

  func run() throws {
    let file = try TensorFile(file)
    if verify { try file.verify() }
    for line in Inspection(file, computesChecksums: verify).lines { say(line) }
    if verify {
      let count = file.tensors.filter { $0.tensor.storage.crc32 != nil }.count
      say(count > 0 ? "checksums  right" : "checksums  the format has none")
    }
  }
}

/// The table that `inspect` prints.
struct Inspection {
  private(set) var lines: [String] = []

  init(_ file: TensorFile, computesChecksums: Bool) {
    // Storages are numbered as they are met; those of several tensors get a star.
    var numbers: [ObjectIdentifier: Int] = [:]
    var uses: [ObjectIdentifier: Int] = [:]
    for (_, tensor) in file.tensors {
      let id = ObjectIdentifier(tensor.storage)
      numbers[id] = numbers[id] ?? numbers.count
      uses[id, default: 0] += 1
    }
    var rows = [["tensor", "dtype", "shape", "bytes", "storage", "crc32"]]
    for (name, tensor) in file.tensors {
      let id = ObjectIdentifier(tensor.storage)
      var crc = tensor.storage.crc32
      if crc == nil, computesChecksums { crc = tensor.withContiguousBytes { Deflate.crc32($0) } }
      rows.append([
        Self.printable(name), tensor.type.rawValue, "\(Array(tensor.shape))", "\(tensor.byteCount)",
        "\(numbers[id]!)\(uses[id]! > 1 ? "*" : "")",
        crc.map { String($0, radix: 16).aligned(right: 8, filledWith: "0") } ?? "-",
      ])
    }
    lines = Self.table(rows, right: [3])
    let shared = uses.values.filter { $0 > 1 }.count
    let elements = file.tensors.reduce(0) { $0 + $1.tensor.elementCount }
    let bytes = file.tensors.reduce(0) { $0 + $1.tensor.byteCount }
    lines.append("")
    lines.append("format     \(file.format.rawValue)")
    lines.append("tensors    \(file.tensors.count), \(elements) elements, \(Self.size(bytes))")
    if shared > 0 { lines.append("shared     \(shared) storages (*) belong to several tensors") }
    for (key, value) in file.metadata.sorted(by: { $0.key < $1.key }) {
      lines.append("metadata   \(Self.printable(key)) = \(Self.printable(value))")
    }
    let others = file.value.map(Self.values) ?? []
    for (name, text) in others.prefix(40) {
      lines.append("value      \(Self.printable(name)) = \(Self.printable(text))")
    }
    if others.count > 40 { lines.append("           and \(others.count - 40) more values") }
  }

  /// What a PyTorch file holds besides tensors, with the paths that lead there.
  static func values(_ value: PickleValue) -> [(String, String)] {
    var result: [(String, String)] = []
    func walk(_ value: PickleValue, _ name: String) {
      func join(_ part: String) -> String { name.isEmpty ? part : "\(name).\(part)" }
      switch value {
      case .tensor: break
      case .none: result.append((name, "None"))
      case .bool(let value): result.append((name, value ? "True" : "False"))
      case .int(let value): result.append((name, "\(value)"))
      case .bigInt: result.append((name, "an integer beyond 64 bits"))
      case .float(let value): result.append((name, "\(value)"))
      case .complex(let real, let imaginary): result.append((name, "\(real) + \(imaginary)i"))
      case .string(let text): result.append((name, "\"\(text.prefix(60))\"\(text.count > 60 ? "…" : "")"))
      case .bytes(let bytes): result.append((name, "\(bytes.count) bytes"))
      case .size(let sizes): result.append((name, "\(sizes)"))
      case .dtype(let type): result.append((name, type.rawValue))
      case .device(let device): result.append((name, device))
      case .list(let items), .tuple(let items), .set(let items):
        let numbers = items.compactMap { item in item.int.map(String.init) ?? item.double.map { "\($0)" } }
        if numbers.count == items.count {
          let text = numbers.prefix(8).joined(separator: ", ")
          result.append((name, "[\(text)\(items.count > 8 ? ", …" : "")]"))
        } else {
          for (i, item) in items.enumerated() { walk(item, join(String(i))) }
        }
      case .dict(let dict), .object(_, let dict):
        for entry in dict { walk(entry.value, join(entry.key.string ?? entry.key.int.map(String.init) ?? "?")) }
      }
    }
    walk(value, "")
    return result
  }

  /// Columns as wide as their widest entry; those in `right` end below each other.
  static func table(_ rows: [[String]], right: Set<Int>) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, text in
        let padding = String(repeating: " ", count: widths[column] - text.count)
        return right.contains(column) ? padding + text : text + padding
      }
      return cells.joined(separator: "  ").trimmingSuffix(" ")
    }
  }

  /// Names come from strangers: no control characters on the terminal.
  static func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
  }

  static func size(_ bytes: Int) -> String {
    if bytes < 1024 { return "\(bytes) bytes" }
    var value = Double(bytes)
    for unit in ["KiB", "MiB", "GiB"] {
      value /= 1024
      if value < 1024 || unit == "GiB" { return "\(printed(value, 1)) \(unit)" }
    }
    return "\(bytes) bytes"
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return String(text)
  }
}

/// `flameback convert IN OUT`
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Rewrite a file of tensors in another format.",
    discussion: """
      The ending says the format: .pth, .pt, .bin (PyTorch), .safetensors, .safetensors.index.json (several files), .npz, \
      .npy. Tensors keep their names; those that are one in memory stay one where the format can say so.
      """)

  @Argument(help: "The file to read.")
  var input: String
  @Argument(help: "The file to write.")
  var output: String
  @Option(help: "Only tensors whose names begin so; the beginning is dropped.")
  var prefix: String?
  @Option(help: "Convert floating point tensors to this dtype.")
  var dtype: String?

  func validate() throws {
    if let dtype, DType(name: dtype)?.isFloatingPoint != true {
      throw ValidationError("--dtype must be float16, bfloat16, float32 or float64, got \(dtype)")
    }
  }

  func run() throws {
    let file = try TensorFile(input)
    try file.verify()
    let isPyTorch = ["pth", "pt", "bin"].contains(output.pathExtension)
    if isPyTorch, let value = file.value, file.format != .torchScript, prefix == nil, dtype == nil {
      try PyTorchFile.save(value, to: output)  // with its numbers and texts
    } else {
      var tensors = file.tensors
      if let prefix {
        tensors = tensors.filter { $0.name.hasPrefix(prefix) }.map {
          (String($0.name.dropFirst(prefix.count)), $0.tensor)
        }
      }
      guard !tensors.isEmpty || file.tensors.isEmpty else {
        throw FileError(path: input, "no tensor's name begins with '\(prefix ?? "")'")
      }
      if let target = dtype.flatMap(DType.init(name:)) {
        tensors = try tensors.map { name, tensor in
          guard tensor.dtype?.isFloatingPoint == true, tensor.dtype != target else { return (name, tensor) }
          return (name, TensorFile.raw(try TensorFile.tensor(tensor, path: input).to(target)))
        }
      }
      try TensorFile.write(tensors, metadata: file.metadata.isEmpty ? ["format": "pt"] : file.metadata, to: output)
      let left = file.value.map(Inspection.values) ?? []
      if !left.isEmpty {
        say(
          "left out: \(left.count) values that are no tensors (\(left.prefix(3).map(\.0).joined(separator: ", ")), …)")
      }
    }
    say("\(output): \(file.tensors.count) tensors")
  }
}
