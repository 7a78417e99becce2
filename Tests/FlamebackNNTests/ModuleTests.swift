import Flameback
import Testing

/// A small model with everything the walk over stored properties must find.
private final class Net: Module, UnaryLayer {
  let conv1 = Conv2d(1, 2, kernelSize: 3)
  let layers: [Linear]
  var named: [String: Module] = ["b": ReLU(), "a": Linear(2, 2)]
  let head: Linear
  let spare: Linear? = nil
  let width = 3
  let sizes = [1, 2, 3]
  @Parameter var outputScale: Tensor
  @Parameter var shift: Tensor? = nil
  @Buffer var runningTotal: Tensor

  override init() {
    layers = [Linear(2, 2), Linear(2, 2, bias: false)]
    head = Linear(2, 1)
    outputScale = Tensor.ones([1])
    runningTotal = Tensor.zeros([1])
    super.init()
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { x in head(layers.reduce(x) { $1($0) }) * outputScale }
  }
}

private final class Renamed: Module {
  @Parameter var weightIH: Tensor = Tensor.ones([2])
  override class var stateKeys: [String: String] { ["weightIH": "weight_ih"] }
}

@Suite struct ModuleTests {
  @Test func namesFollowPropertiesInPyTorchsOrder() {
    let net = Net()
    #expect(
      net.stateDict().keys == [
        "output_scale", "running_total", "conv1.weight", "conv1.bias", "layers.0.weight", "layers.0.bias",
        "layers.1.weight", "named.a.weight", "named.a.bias", "head.weight", "head.bias",
      ])
    #expect(net.namedParameters.map(\.name).first == "output_scale")
    #expect(net.namedChildren.map(\.name) == ["conv1", "layers", "named", "head"])
    #expect(net.namedModules.map(\.name).prefix(4) == ["", "conv1", "layers", "layers.0"])
    #expect(net.namedBuffers.map(\.name) == ["running_total"])
    #expect(Renamed().stateDict().keys == ["weight_ih"])
    #expect(net.getSubmodule("layers.1") === net.layers[1])
    #expect(net.getSubmodule("layers.2") == nil)
  }

  @Test func propertiesThatAreAssignedLaterAreSeen() {
    let net = Net()
    net.shift = Tensor.zeros([1])
    net.named["c"] = Linear(1, 1)
    #expect(net.stateDict().keys.contains("shift"))
    #expect(net.stateDict().keys.contains("named.c.bias"))
    net.shift = nil
    #expect(!net.stateDict().keys.contains("shift"))
  }

  @Test func tiedWeightsCountOnceAndKeepBothNames() {
    let first = Linear(2, 2)
    let second = Linear(2, 2)
    second.$weight = first.$weight
    let both = Sequential(first, second)
    #expect(both.namedParameters.map(\.name) == ["0.weight", "0.bias", "1.bias"])
    #expect(both.stateDict().keys == ["0.weight", "0.bias", "1.weight", "1.bias"])
    first.weight = Tensor.zeros([2, 2])
    #expect(second.weight.scalars(Float.self) == [0, 0, 0, 0])
    both(Tensor.ones([1, 2])).sum().backward()
    #expect(first.$weight.grad != nil && second.$weight.grad != nil)
  }

  @Test func assignmentKeepsTheGradientsPlace() {
    let layer = Linear(1, 1, bias: false)
    let cell = layer.$weight
    layer.weight = Tensor([2.0], shape: [1, 1], dtype: .float32)
    layer(Tensor.ones([1, 1])).sum().backward()
    #expect(cell === layer.$weight)
    #expect(cell.grad?.scalars(Float.self) == [1])
    layer.zeroGrad()
    #expect(cell.grad == nil)
  }

  @Test func frozenParametersGetNoGradient() {
    let model = Sequential(Linear(2, 2), Linear(2, 2))
    model[0].requiresGrad(false)
    model(Tensor.ones([1, 2])).sum().backward()
    #expect(model.parameters().map { $0.grad == nil } == [true, true, false, false])
  }

  @Test func modesAndConversionsReachInnerModules() {
    let model = Sequential(Linear(2, 2), Sequential(Dropout(0.5), BatchNorm1d(2)))
    model.eval()
    #expect(model.modules.allSatisfy { !$0.isTraining })
    model.train()
    #expect(model.modules.allSatisfy { $0.isTraining })
    model.to(.float64)
    #expect(
      model.stateDict().map(\.tensor.dtype) == [.float64, .float64, .float64, .float64, .float64, .float64, .int64])
    var visited: [String] = []
    model.apply { visited.append($0.typeName) }
    #expect(visited == ["Linear", "Dropout", "BatchNorm1d", "Sequential", "Sequential"])
  }

  @Test func hooksSeeAndReplaceInputsAndOutputs() {
    let layer = Linear(2, 2)
    var shapes: [Shape] = []
    let before = layer.registerForwardPreHook { _, inputs in [inputs[0] * 0] }
    let after = layer.registerForwardHook { _, inputs, outputs in
      shapes.append(outputs[0].shape)
      return nil
    }
    let y = layer(Tensor.ones([3, 2]))
    #expect(shapes == [[3, 2]])
    #expect(y.select(dim: 0, index: 0).scalars(Float.self) == layer.bias!.scalars(Float.self))
    before.remove()
    after.remove()
    _ = layer(Tensor.ones([3, 2]))
    #expect(shapes.count == 1)
    layer.registerBackwardHook { $0 * 2 }
    layer(Tensor.ones([1, 2])).sum().backward()
    #expect(layer.$bias!.grad!.scalars(Float.self) == [2, 2])
  }

  @Test func tracedInstructionsCarryModulePathsAndParameterNames() {
    let model = Sequential(Linear(2, 3), Sequential(ReLU(), Linear(3, 1)))
    let graph = trace(model, Tensor.ones([1, 2]))
    #expect(Set(graph.instructions.map(\.scope)).isSuperset(of: ["0", "1.0", "1.1"]))
    #expect(Set(graph.names.values).isSuperset(of: ["0.weight", "1.1.bias"]))
    let x = Tensor([0.5, -1.0], shape: [1, 2], dtype: .float32)
    #expect(graph([x])[0].scalars(Float.self) == model(x).scalars(Float.self))
  }

  @Test func descriptionsArePyTorchs() {
    let model = Sequential([
      "conv": Conv2d(3, 6, kernelSize: 5, padding: [1, 2]), "act": LeakyReLU(0.1),
      "inner": Sequential(MaxPool2d(2), BatchNorm2d(6)),
    ])
    #expect(
      model.description == """
        Sequential(
          (conv): Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1), padding=(1, 2))
          (act): LeakyReLU(negative_slope=0.1)
          (inner): Sequential(
            (0): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
            (1): BatchNorm2d(6, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
          )
        )
        """)
    #expect(
      ModuleList((0..<3).map { _ in Linear(2, 2) }).description == """
        ModuleList(
          (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
        )
        """)
  }

  @Test func summariesCountParametersAndMultiplications() {
    let model = Sequential(Conv2d(1, 2, kernelSize: 3), ReLU(), Flatten(), Linear(8, 3))
    let summary = model.summary(inputShape: [1, 1, 4, 4])
    #expect(
      summary.rows.map(\.label) == ["Sequential", "├─Conv2d: 1-1", "├─ReLU: 1-2", "├─Flatten: 1-3", "└─Linear: 1-4"])
    #expect(summary.rows.map(\.outputShape) == [[1, 3], [1, 2, 2, 2], [1, 2, 2, 2], [1, 8], [1, 3]])
    #expect(summary.rows.map(\.parameters) == [nil, 20, nil, nil, 27])
    #expect(summary.parameterCount == 47 && summary.trainableCount == 47)
    #expect(summary.multiplyAdds == 2 * 4 * 10 + 3 * 9)
    #expect(summary.description.contains("Total params: 47"))
    #expect(model.isTraining)
  }

  @Test func aModelOfAThousandLayersTrains() {
    let model = Sequential((0..<1000).map { _ in Linear(2, 2) as any UnaryLayer })
    for cell in model.parameters() where cell.shape.count == 2 {
      cell.tensor = Tensor.eye(2)
    }
    let optimizer = SGD(model.parameters(), lr: 1e-6)
    let loss = model(Tensor.ones([1, 2])).square().sum()
    loss.backward()
    optimizer.step()
    #expect(model.parameters().allSatisfy { $0.grad != nil })
    #expect(model(Tensor.ones([1, 2])).square().sum().itemDouble() < loss.itemDouble())
  }
}
