import Flameback
import FlamebackFiles
import Foundation
import Testing

@testable import FlamebackONNX

@Suite struct ModelTests {
  /// y = relu(x wᵀ + b), then a scale.
  static func dense() -> ONNXFile {
    ONNXFile(
      [
        node("Gemm", ["x", "fc.weight", "fc.bias"], ["h"], ["transB": .int(1)]), node("Relu", ["h"], ["r"]),
        node("Mul", ["r", "two"], ["y"]),
      ], inputs: ["x"], outputs: ["y"],
      initializers: [
        floats("fc.weight", [1, 2, 3, -4, 5, -6], [2, 3]), floats("fc.bias", [0.5, -0.5], [2]), floats("two", [2], []),
      ])
  }

  @Test func runsWhatIsWritten() throws {
    try withFolder { folder in
      let path = folder + "/dense.onnx"
      try Self.dense().write(to: path)
      let model = try ONNXModel(contentsOf: path)
      let y = try model.run([Tensor([1, 1, 1, 0, -1, 2] as [Float], shape: [2, 3])])
      #expect(y[0].scalars(Float.self) == [13, 0, 9, 0])
      #expect(model.inputNames == ["x"] && model.outputNames == ["y"])
      #expect(model.stateDict().keys == ["fc.weight", "fc.bias", "two"])
    }
  }

  @Test func tensorsBesideTheModel() throws {
    try withFolder { folder in
      let path = folder + "/large.onnx"
      var file = Self.dense()
      let large = Tensor.arange(1024, dtype: .float32)
      file.graph.initializers.append(ONNXTensor(name: "large", large))
      file.graph.nodes.append(node("Identity", ["large"], ["z"]))
      file.graph.outputs.append(ONNXValueInfo(name: "z", type: .float32))
      try file.write(to: path, externalThreshold: 100)
      #expect(FileManager.default.fileExists(atPath: path + ".data"))
      #expect(try FileBytes(mapping: path).count < 1000)
      let outputs = try ONNXModel(contentsOf: path).run([Tensor.ones([1, 3])])
      #expect(outputs[1].equal(large))
      // Written over itself: the tensors it reads from must not change under it.
      let first = try ONNXModel(contentsOf: path)
      try first.file.write(to: path, externalThreshold: 100)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["large.onnx", "large.onnx.1.data"])
      #expect(try ONNXModel(contentsOf: path).run([Tensor.ones([1, 3])])[1].equal(large))
      try first.file.write(to: path)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["large.onnx"])
    }
  }

  @Test func inputsMustBeAsDeclared() throws {
    var file = ONNXFile([node("Add", ["a", "b"], ["y"])], inputs: ["a", "b"], outputs: ["y"])
    file.graph.inputs[0].shape = [.named("n"), .size(2)]
    file.graph.inputs[1].shape = [.named("n"), .unknown]
    let model = try ONNXModel(file)
    #expect(try model.run([.ones([3, 2]), .ones([3, 1])])[0].shape == [3, 2])
    let wrong: [[Tensor]] = [
      [.ones([3, 2])], [.ones([3, 2]), .ones([1, 1])], [.ones([3, 3]), .ones([3, 1])], [.ones([6]), .ones([3, 1])],
      [.ones([3, 2], dtype: .int64), .ones([3, 1])],
    ]
    for inputs in wrong { #expect(throws: FileError.self) { try model.run(inputs) } }
  }

  @Test func learnsOn() throws {
    let model = try ONNXModel(Self.dense())
    let x = Tensor([1, 1, 1, 0, -1, 2] as [Float], shape: [2, 3])
    let target = Tensor([1, 0, 1, 0] as [Float], shape: [2, 2])
    let optimizer = SGD(model.parameters(), lr: 0.01)
    var losses: [Double] = []
    for _ in 0..<20 {
      optimizer.zeroGrad()
      let loss = model(x).mseLoss(target)
      loss.backward()
      optimizer.step()
      losses.append(loss.itemDouble())
    }
    #expect(losses.last! < losses[0] / 10, "\(losses)")
  }

  @Test func becomesAGraph() throws {
    let model = try ONNXModel(Self.dense())
    let x = Tensor([1, 1, 1, 0, -1, 2] as [Float], shape: [2, 3])
    let graph = try model.graph([x])
    #expect(graph.names.values.sorted() == ["fc.bias", "fc.weight", "two"])
    let other = Tensor([3, 0, 1, 2, 2, 2] as [Float], shape: [2, 3])
    #expect(graph([other])[0].equal(noGrad { model(other) }))
  }

  @Test func frozenModelsFoldBatchNorms() throws {
    let file = ONNXFile(
      [
        node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"]),
        node("Add", ["k", "k"], ["kk"]), node("Mul", ["n", "kk"], ["y"]),
      ], inputs: ["x"], outputs: ["y"],
      initializers: [
        floats("w", [1, -2, 0.5, 3], [2, 1, 1, 2]), floats("s", [2, 0.5], [2]), floats("b", [1, -1], [2]),
        floats("m", [0.1, 0.2], [2]), floats("v", [1, 4], [2]), floats("k", [1.5], []),
      ])
    let x = Tensor([1, 2, 3, -4, 5, -6] as [Float], shape: [1, 1, 2, 3])
    let exact = try ONNXModel(file)
    let frozen = try ONNXModel(file, frozen: true)
    #expect(exact.stateDict().keys == ["w", "s", "b", "k", "m", "v"])
    #expect(exact.parameters().count == 4 && frozen.parameters().isEmpty)
    #expect(frozen.file.graph.nodes.map(\.op) == ["Conv", "Mul"])
    let (a, b) = try (exact.run([x])[0], frozen.run([x])[0])
    #expect(a.allClose(b, rtol: 1e-5, atol: 1e-6))
  }

  @Test func dataThatDecidesShapesCannotBecomeAGraph() throws {
    let file = ONNXFile(
      [node("Cast", ["x"], ["n"], ["to": .int(7)]), node("ConstantOfShape", ["n"], ["y"])], inputs: ["x"],
      outputs: ["y"])
    let model = try ONNXModel(file)
    let x = Tensor([2, 3] as [Float], shape: [2])
    #expect(try model.run([x])[0].shape == [2, 3])
    #expect(throws: FileError.self) { try model.graph([x]) }
  }

  @Test func loopsAndBranches() throws {
    // i goes on while the sum is less than the limit.
    var body = ONNXGraph()
    body.inputs = ["i", "go", "sum"].map { ONNXValueInfo(name: $0) }
    body.nodes = [
      node("Add", ["sum", "x"], ["next"]), node("Less", ["next", "limit"], ["again"]),
      node("Identity", ["next"], ["seen"]),
    ]
    body.outputs = ["again", "next", "seen"].map { ONNXValueInfo(name: $0) }
    let file = ONNXFile(
      [node("Loop", ["", "", "zero"], ["sum", "all"], ["body": .graph(body)])], inputs: ["x", "limit"],
      outputs: ["sum", "all"], initializers: [floats("zero", [0], [])])
    let outputs = try ONNXModel(file).run([Tensor([2] as [Float], shape: []), Tensor([5] as [Float], shape: [])])
    #expect(outputs[0].itemDouble() == 6)
    #expect(outputs[1].scalars(Float.self) == [2, 4, 6])
  }

  @Test func functionsAreReplacedByTheirNodes() throws {
    var file = ONNXFile([node("Twice", ["x"], ["y"], ["slope": .float(0.5)])], inputs: ["x"], outputs: ["y"])
    file.graph.nodes[0].domain = "own"
    file.functions = [
      ONNXFunction(
        name: "Twice", domain: "own", inputs: ["a"], outputs: ["b"],
        nodes: [
          ONNXNode(op: "LeakyRelu", inputs: ["a"], outputs: ["t"], attributes: ["alpha": .reference("slope")]),
          node("Add", ["t", "t"], ["b"]),
        ])
    ]
    #expect(try ONNXModel(file).run([Tensor([1, -1] as [Float], shape: [2])])[0].scalars(Float.self) == [2, -1])
    file.functions[0].nodes.append(ONNXNode(op: "Twice", domain: "own", inputs: ["t"], outputs: ["again"]))
    #expect(throws: FileError.self) { try ONNXModel(file) }
  }
}
