import Flameback
import FlamebackFiles
import Foundation
import Testing

@testable import FlamebackONNX

@Suite struct BadInputTests {
  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "no error"
  }

  @Test func cyclesAndMissingInputs() {
    let cycle = ONNXFile(
      [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])], inputs: ["x"], outputs: ["b"])
    #expect(message { _ = try ONNXModel(cycle) }.contains("cycle through Add"))
    let missing = ONNXFile([node("Add", ["x", "nothing"], ["y"])], inputs: ["x"], outputs: ["y"])
    #expect(message { _ = try ONNXModel(missing) }.contains("'nothing', which nothing computes"))
    let unknown = ONNXFile([node("Relu", ["x"], ["y"])], inputs: ["x"], outputs: ["z"])
    #expect(message { _ = try ONNXModel(unknown) }.contains("nothing computes the output 'z'"))
    let twice = ONNXFile([node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])], inputs: ["x"], outputs: ["y"])
    #expect(message { _ = try ONNXModel(twice) }.contains("'y' is computed twice"))
  }

  @Test func branchesThatReadTextsFail() {
    // Found by fuzzing: texts have no value, and the branch reads one from outside.
    var branch = ONNXGraph()
    branch.nodes = [node("Relu", ["text"], ["t"])]
    branch.outputs = [ONNXValueInfo(name: "t")]
    let file = ONNXFile(
      [node("If", ["c"], ["y"], ["then_branch": .graph(branch), "else_branch": .graph(branch)])], inputs: [],
      outputs: ["y"],
      initializers: [
        ONNXTensor(name: "c", Tensor([true], shape: [])), ONNXTensor(name: "text", type: .string, dims: [1]),
      ])
    #expect(message { _ = try ONNXModel(file).run([]) }.contains("input 0 is missing"))
  }

  @Test func unsortedNodesAreSorted() throws {
    let file = ONNXFile([node("Abs", ["a"], ["y"]), node("Neg", ["x"], ["a"])], inputs: ["x"], outputs: ["y"])
    #expect(try ONNXModel(file).run([Tensor([2, -3] as [Float], shape: [2])])[0].scalars(Float.self) == [2, 3])
  }

  @Test func unknownOperatorsAreListedAtOnce() {
    var file = ONNXFile(
      [node("Frobnicate", ["x"], ["a"]), node("Relu", ["a"], ["b"]), node("Quux", ["b"], ["y"])], inputs: ["x"],
      outputs: ["y"])
    file.graph.nodes[2].domain = "com.example"
    let text = message { _ = try ONNXModel(file) }
    #expect(text.contains("Frobnicate") && text.contains("com.example.Quux"))
  }

  @Test func absurdSizes() {
    for sizes in [[Int.max, 2], [1 << 40, 1 << 40], [-5], [1 << 45]] {
      let file = ONNXFile(
        [node("ConstantOfShape", ["n"], ["y"])], inputs: [], outputs: ["y"], initializers: [ints("n", sizes)])
      #expect(throws: FileError.self) { try ONNXModel(file).run([]) }
      #expect(throws: FileError.self) { try ONNXModel(file, frozen: true).run([]) }
    }
    let tile = ONNXFile(
      [node("Tile", ["x", "n"], ["y"])], inputs: ["x"], outputs: ["y"], initializers: [ints("n", [1 << 62, 4])])
    #expect(throws: FileError.self) { try ONNXModel(tile).run([Tensor.ones([3, 3])]) }
  }

  /// A file whose first initializer lies outside, with these entries.
  private func external(_ entries: [(String, String)], in folder: String) throws -> String {
    var tensor = WireWriter()
    tensor.ints(1, [4])
    tensor.int(2, 1)
    tensor.text(8, "w")
    for (key, value) in entries {
      tensor.message(13) {
        $0.text(1, key)
        $0.text(2, value)
      }
    }
    tensor.int(14, 1)
    var writer = WireWriter()
    writer.int(1, 9)
    writer.message(7) { graph in
      graph.data(5, tensor.bytes)
      graph.message(12) { $0.text(1, "w") }
    }
    writer.message(8) { $0.int(2, 20) }
    let path = folder + "/model.onnx"
    try AtomicFile.write(writer.bytes, to: path)
    return path
  }

  @Test func externalDataStaysInTheFolder() throws {
    try withFolder { folder in
      let inner = folder + "/inner"
      try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
      let bytes = [1, 2, 3, 4].flatMap { (x: Float) in withUnsafeBytes(of: x) { Array($0) } }
      try AtomicFile.write(bytes, to: folder + "/secret")
      try AtomicFile.write(bytes, to: inner + "/weights")
      try FileManager.default.createSymbolicLink(atPath: inner + "/link", withDestinationPath: folder + "/secret")
      let good = try external([("location", "weights"), ("offset", "0"), ("length", "16")], in: inner)
      #expect(try ONNXModel(contentsOf: good).run([])[0].scalars(Float.self) == [1, 2, 3, 4])
      let bad: [[(String, String)]] = [
        [("location", "../secret")], [("location", folder + "/secret")], [("location", "link")], [("location", "")],
        [("location", "a/../../secret")], [("location", "none")], [("location", ".")],
        [("location", "weights"), ("offset", "1")], [("location", "weights"), ("offset", "-1")],
        [("location", "weights"), ("offset", "99999999999999999999")], [("location", "weights"), ("length", "8")],
        [("location", "weights"), ("offset", "9223372036854775807")], [],
      ]
      for entries in bad {
        let path = try external(entries, in: inner)
        #expect(throws: FileError.self, "\(entries)") { try ONNXModel(contentsOf: path) }
      }
    }
  }

  @Test func deepNestingAndGrowingFunctions() {
    var graph = ONNXGraph()
    for _ in 0..<40 {
      var outer = ONNXGraph()
      outer.nodes = [node("If", ["c"], ["y"], ["then_branch": .graph(graph)])]
      graph = outer
    }
    var file = ONNXFile([], inputs: [], outputs: [])
    file.graph = graph
    let bytes = file.encoded()
    #expect(message { _ = try ONNXModel(bytes: bytes) }.contains("nested deeper"))
    // Each function calls the next one twice: 2³⁰ nodes.
    var bomb = ONNXFile(
      [ONNXNode(op: "f0", domain: "own", inputs: ["x"], outputs: ["y"])], inputs: ["x"], outputs: ["y"])
    bomb.functions = (0..<30).map { i in
      let calls = ["a", "b"].map { ONNXNode(op: "f\(i + 1)", domain: "own", inputs: ["x"], outputs: [$0]) }
      return ONNXFunction(name: "f\(i)", domain: "own", inputs: ["x"], outputs: ["a"], nodes: calls)
    }
    var limits = ONNXLimits()
    limits.nodes = 10_000
    #expect(throws: FileError.self) { try ONNXModel(bomb, limits: limits) }
  }

  /// Small models that use many kinds of fields.
  static let corpus: [[UInt8]] = {
    var branch = ONNXGraph()
    branch.nodes = [node("Add", ["h", "fc.bias"], ["t"])]
    branch.outputs = [ONNXValueInfo(name: "t")]
    let conditional = ONNXFile(
      [
        node("Gemm", ["x", "fc.weight", "fc.bias"], ["h"], ["transB": .int(1), "alpha": .float(0.5)]),
        node("If", ["c"], ["y"], ["then_branch": .graph(branch), "else_branch": .graph(branch)]),
        node("Slice", ["y", "n", "n2"], ["z"]), node("Reshape", ["z", "n3"], ["w"]),
        node("ReduceMean", ["w"], ["v"], ["axes": .ints([0]), "keepdims": .int(0)]),
      ], inputs: ["x"], outputs: ["y", "v"],
      initializers: [
        floats("fc.weight", [1, 2, 3, -4, 5, -6], [2, 3]), floats("fc.bias", [0.5, -0.5], [2]),
        ONNXTensor(name: "c", Tensor([true], shape: [])), ints("n", [0]), ints("n2", [1]), ints("n3", [2, -1]),
      ], opset: 17)
    let image = ONNXFile(
      [
        node("Conv", ["x", "w"], ["c"], ["pads": .ints([1, 1, 1, 1]), "strides": .ints([2, 1])]),
        node("MaxPool", ["c"], ["p"], ["kernel_shape": .ints([2, 2]), "ceil_mode": .int(1)]),
        node("Resize", ["p", "", "s"], ["r"], ["mode": .text("cubic"), "antialias": .int(1)]),
        node("Pad", ["r", "n"], ["q"], ["mode": .text("reflect")]),
        node("Transpose", ["q"], ["y"], ["perm": .ints([0, 2, 3, 1])]),
      ], inputs: ["x"], outputs: ["y"],
      initializers: [
        floats("w", [1, -2, 0.5, 3], [1, 1, 2, 2]), floats("s", [1, 1, 0.5, 2], [4]),
        ints("n", [0, 0, 1, 0, 0, 0, 0, 1]),
      ])
    return [conditional.encoded(), image.encoded()]
  }()

  /// True if it ran; false for a typed error; nil for any other.
  private func survives(_ bytes: [UInt8], _ input: Tensor) -> Bool? {
    var limits = ONNXLimits()
    limits.tensorBytes = 1 << 20
    limits.iterations = 100
    do {
      let model = try ONNXModel(bytes: bytes, limits: limits)
      _ = try noGrad { try model.run(model.inputNames.map { _ in input }) }
      _ = try ONNXModel(bytes: bytes, frozen: true, limits: limits)
      return true
    } catch is FileError { return false } catch is ONNXUnsupported { return false } catch { return nil }
  }

  @Test(arguments: [0, 1])
  func damagedFiles(_ number: Int) {
    let bytes = Self.corpus[number]
    let input = number == 0 ? Tensor.ones([2, 3]) : Tensor.ones([1, 1, 5, 4])
    #expect(survives(bytes, input) == true)
    for length in 0..<bytes.count { #expect(survives(Array(bytes[..<length]), input) != nil, "cut to \(length)") }
    for i in bytes.indices {
      for change in [0x01, 0x04, 0x20, 0x80, 0xFF] as [UInt8] {
        var damaged = bytes
        damaged[i] ^= change
        #expect(survives(damaged, input) != nil, "byte \(i) changed by \(change)")
      }
    }
    // More than one fault, the same ones each time.
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let rounds = ProcessInfo.processInfo.environment["FLAMEBACK_FUZZ_ROUNDS"].flatMap(Int.init) ?? 2000
    for round in 0..<rounds {
      var damaged = bytes
      for _ in 0...next(4) {
        switch next(3) {
        case 0: damaged[next(damaged.count)] = UInt8(next(256))
        case 1 where damaged.count > 8: damaged.remove(at: next(damaged.count))
        default: damaged.insert([0, 1, 0x7F, 0x80, 0xFF][next(5)], at: next(damaged.count))
        }
      }
      #expect(survives(damaged, input) != nil, "round \(round)")
    }
  }
}
