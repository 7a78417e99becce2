import FlamebackFiles
import FlamebackKernels
import FoundationEssentials

extension ONNXFile {
  /// Writes the model; tensors go to `NAME.data` beside it once all of them together exceed `externalThreshold` bytes.
  ///
  /// Protocol buffers end at 2 GB, hence the default. The files appear whole or not at all: a model that is written
  /// over another one gets tensors under another name (`NAME.1.data`), and the old ones go last.
  public func write(to path: String, externalThreshold: Int = 1 << 30) throws(FileError) {
    let total = graph.initializers.reduce(0) { $0 + ($1.raw?.byteCount ?? 0) }
    var places: [Int: (offset: Int, length: Int)] = [:]
    let suffixes = ["data", "1.data", "2.data"]
    let old = suffixes.filter { FileManager.default.fileExists(atPath: "\(path).\($0)") }
    let suffix = suffixes.first { !old.contains($0) } ?? suffixes[0]
    let dataName = path.lastPathComponent + "." + suffix
    if total > externalThreshold {
      let data = try AtomicFile("\(path).\(suffix)")
      for (i, tensor) in graph.initializers.enumerated() {
        guard let raw = tensor.raw, raw.byteCount >= 1024 else { continue }
        let padding = (4096 - data.count % 4096) % 4096  // so that readers can map each tensor
        try data.write([UInt8](repeating: 0, count: padding))
        places[i] = (data.count, raw.byteCount)
        try raw.withContiguousBytes { (bytes) throws(FileError) in try data.write(bytes) }
      }
      try data.commit()
    }
    let header = encoded { writer in
      for (i, tensor) in graph.initializers.enumerated() {
        writer.message(5) { tensor.encode(&$0, external: places[i], in: dataName) }
      }
    }
    try AtomicFile.write(header, to: path)
    for suffix in old { try? FileManager.default.removeItem(atPath: "\(path).\(suffix)") }
  }

  /// The model's bytes, all tensors inside.
  public func encoded() -> [UInt8] {
    encoded { writer in for tensor in graph.initializers { writer.message(5) { tensor.encode(&$0) } } }
  }

  private func encoded(_ initializers: (inout WireWriter) -> Void) -> [UInt8] {
    var writer = WireWriter()
    writer.int(1, irVersion)
    writer.text(2, producer)
    writer.text(3, producerVersion)
    writer.message(7) { graph.encode(&$0, initializers) }
    for (domain, version) in opsets.sorted(by: { $0.key < $1.key }) {
      writer.message(8) {
        $0.text(1, domain)
        $0.int(2, version)
      }
    }
    for (key, value) in metadata {
      writer.message(14) {
        $0.text(1, key)
        $0.text(2, value)
      }
    }
    return writer.bytes
  }
}

extension ONNXGraph {
  fileprivate func encode(_ writer: inout WireWriter, _ initializers: (inout WireWriter) -> Void) {
    for node in nodes { writer.message(1) { node.encode(&$0) } }
    writer.text(2, name)
    initializers(&writer)
    for input in inputs { writer.message(11) { input.encode(&$0) } }
    for output in outputs { writer.message(12) { output.encode(&$0) } }
  }
}

extension ONNXNode {
  fileprivate func encode(_ writer: inout WireWriter) {
    for input in inputs { writer.data(1, input.utf8) }
    for output in outputs { writer.data(2, output.utf8) }
    writer.text(3, name)
    writer.text(4, op)
    for (name, attribute) in attributes.sorted(by: { $0.key < $1.key }) {
      writer.message(5) { attribute.encode(&$0, name) }
    }
    writer.text(7, domain)
  }
}

extension ONNXAttribute {
  fileprivate func encode(_ writer: inout WireWriter, _ name: String) {
    writer.text(1, name)
    switch self {
    case .float(let value):
      writer.float(2, value)
      writer.int(20, 1)
    case .int(let value):
      writer.int(3, value)
      writer.int(20, 2)
    case .string(let bytes):
      writer.data(4, bytes)
      writer.int(20, 3)
    case .tensor(let tensor):
      writer.message(5) { tensor.encode(&$0) }
      writer.int(20, 4)
    case .graph(let graph):
      writer.message(6) { inner in
        graph.encode(&inner) { writer in
          for tensor in graph.initializers { writer.message(5) { tensor.encode(&$0) } }
        }
      }
      writer.int(20, 5)
    case .floats(let values):
      writer.floats(7, values)
      writer.int(20, 6)
    case .ints(let values):
      writer.ints(8, values)
      writer.int(20, 7)
    case .strings(let values):
      for value in values { writer.data(9, value) }
      writer.int(20, 8)
    case .reference(let name): writer.text(21, name)
    case .other: break
    }
  }
}

extension ONNXTensor {
  fileprivate func encode(
    _ writer: inout WireWriter, external: (offset: Int, length: Int)? = nil, in file: String = ""
  ) {
    writer.ints(1, dims)
    writer.int(2, type.rawValue)
    writer.text(8, name)
    if let external {
      let entries = [("location", file), ("offset", "\(external.offset)"), ("length", "\(external.length)")]
      for (key, value) in entries {
        writer.message(13) {
          $0.text(1, key)
          $0.text(2, value)
        }
      }
      writer.int(14, 1)
    } else if let raw {
      raw.withContiguousBytes { writer.data(9, $0) }
    }
  }
}

extension ONNXValueInfo {
  fileprivate func encode(_ writer: inout WireWriter) {
    writer.text(1, name)
    guard kind == .tensor, let type else { return }
    writer.message(2) { outer in
      outer.message(1) { tensor in
        tensor.int(1, type.rawValue)
        guard let shape else { return }
        tensor.message(2) { writer in
          for dimension in shape {
            writer.message(1) {
              switch dimension {
              case .size(let size): $0.int(1, size)
              case .named(let name): $0.text(2, name)
              case .unknown: break
              }
            }
          }
        }
      }
    }
  }
}
