import Flameback
import FlamebackCore
import FlamebackVision

extension ModuleTable {
  /// torchvision's models without weights.
  static let models: [String: Entry] = classifiers.reduce(into: inceptions) { table, model in
    let build = model.value
    table["torchvision.models.\(model.key)"] = { c in
      try c.refuseWeights()
      return build(try c.int(nil, "num_classes", default: 1000))
    }
  }

  /// The models with classifiers halfway: in training mode their result is a tuple.
  private static let inceptions: [String: Entry] = [
    "torchvision.models.googlenet": { c in
      try c.refuseWeights()
      let model = googlenet(
        numClasses: try c.int(nil, "num_classes", default: 1000),
        auxLogits: try c.bool(nil, "aux_logits", default: true),
        transformInput: try c.bool(nil, "transform_input"),
        initWeights: try c.optionalBool(nil, "init_weights") ?? true,
        dropout: try c.double(nil, "dropout", default: 0.2),
        dropoutAux: try c.double(nil, "dropout_aux", default: 0.7))
      return BuiltModule(model) { call in
        let result = model.withAuxiliary(try call.tensor(0, "x"))
        guard let aux2 = result.aux2, let aux1 = result.aux1 else { return .tensor(result.logits) }
        return .tensors(result.logits, aux2, aux1)
      }
    },
    "torchvision.models.inception_v3": { c in
      try c.refuseWeights()
      let model = inceptionV3(
        numClasses: try c.int(nil, "num_classes", default: 1000),
        auxLogits: try c.bool(nil, "aux_logits", default: true),
        transformInput: try c.bool(nil, "transform_input"),
        initWeights: try c.optionalBool(nil, "init_weights") ?? true,
        dropout: try c.double(nil, "dropout", default: 0.5))
      return BuiltModule(model) { call in
        let result = model.withAuxiliary(try call.tensor(0, "x"))
        guard let aux = result.aux else { return .tensor(result.logits) }
        return .tensors(result.logits, aux)
      }
    },
  ]

  private static func classifier(_ build: @escaping @Sendable (Int) -> some UnaryLayer)
    -> @Sendable (Int) -> BuiltModule
  {
    { BuiltModule(build($0)) }
  }

  private static let classifiers: [String: @Sendable (Int) -> BuiltModule] = [
    "regnet_x_400mf": classifier { regnetX400MF(numClasses: $0) },
    "regnet_x_800mf": classifier { regnetX800MF(numClasses: $0) },
    "regnet_x_1_6gf": classifier { regnetX1600MF(numClasses: $0) },
    "regnet_x_3_2gf": classifier { regnetX3200MF(numClasses: $0) },
    "regnet_x_8gf": classifier { regnetX8GF(numClasses: $0) },
    "regnet_x_16gf": classifier { regnetX16GF(numClasses: $0) },
    "regnet_x_32gf": classifier { regnetX32GF(numClasses: $0) },
    "regnet_y_400mf": classifier { regnetY400MF(numClasses: $0) },
    "regnet_y_800mf": classifier { regnetY800MF(numClasses: $0) },
    "regnet_y_1_6gf": classifier { regnetY1600MF(numClasses: $0) },
    "regnet_y_3_2gf": classifier { regnetY3200MF(numClasses: $0) },
    "regnet_y_8gf": classifier { regnetY8GF(numClasses: $0) },
    "regnet_y_16gf": classifier { regnetY16GF(numClasses: $0) },
    "regnet_y_32gf": classifier { regnetY32GF(numClasses: $0) },
    "regnet_y_128gf": classifier { regnetY128GF(numClasses: $0) },
    "alexnet": classifier { alexnet(numClasses: $0) },
    "convnext_base": classifier { convnextBase(numClasses: $0) },
    "convnext_large": classifier { convnextLarge(numClasses: $0) },
    "convnext_small": classifier { convnextSmall(numClasses: $0) },
    "convnext_tiny": classifier { convnextTiny(numClasses: $0) },
    "densenet121": classifier { densenet121(numClasses: $0) },
    "densenet161": classifier { densenet161(numClasses: $0) },
    "densenet169": classifier { densenet169(numClasses: $0) },
    "densenet201": classifier { densenet201(numClasses: $0) },
    "efficientnet_b0": classifier { efficientnetB0(numClasses: $0) },
    "efficientnet_b1": classifier { efficientnetB1(numClasses: $0) },
    "efficientnet_b2": classifier { efficientnetB2(numClasses: $0) },
    "efficientnet_b3": classifier { efficientnetB3(numClasses: $0) },
    "efficientnet_b4": classifier { efficientnetB4(numClasses: $0) },
    "efficientnet_b5": classifier { efficientnetB5(numClasses: $0) },
    "efficientnet_b6": classifier { efficientnetB6(numClasses: $0) },
    "efficientnet_b7": classifier { efficientnetB7(numClasses: $0) },
    "efficientnet_v2_l": classifier { efficientnetV2L(numClasses: $0) },
    "efficientnet_v2_m": classifier { efficientnetV2M(numClasses: $0) },
    "efficientnet_v2_s": classifier { efficientnetV2S(numClasses: $0) },
    "mnasnet0_5": classifier { mnasnet05(numClasses: $0) },
    "mnasnet0_75": classifier { mnasnet075(numClasses: $0) },
    "mnasnet1_0": classifier { mnasnet10(numClasses: $0) },
    "mnasnet1_3": classifier { mnasnet13(numClasses: $0) },
    "mobilenet_v2": classifier { mobilenetV2(numClasses: $0) },
    "mobilenet_v3_large": classifier { mobilenetV3Large(numClasses: $0) },
    "mobilenet_v3_small": classifier { mobilenetV3Small(numClasses: $0) },
    "resnet101": classifier { resnet101(numClasses: $0) },
    "resnet152": classifier { resnet152(numClasses: $0) },
    "resnet18": classifier { resnet18(numClasses: $0) },
    "resnet34": classifier { resnet34(numClasses: $0) },
    "resnet50": classifier { resnet50(numClasses: $0) },
    "resnext101_32x8d": classifier { resnext101x32x8d(numClasses: $0) },
    "resnext101_64x4d": classifier { resnext101x64x4d(numClasses: $0) },
    "resnext50_32x4d": classifier { resnext50x32x4d(numClasses: $0) },
    "shufflenet_v2_x0_5": classifier { shufflenetV2x05(numClasses: $0) },
    "shufflenet_v2_x1_0": classifier { shufflenetV2x10(numClasses: $0) },
    "shufflenet_v2_x1_5": classifier { shufflenetV2x15(numClasses: $0) },
    "shufflenet_v2_x2_0": classifier { shufflenetV2x20(numClasses: $0) },
    "squeezenet1_0": classifier { squeezenet10(numClasses: $0) },
    "squeezenet1_1": classifier { squeezenet11(numClasses: $0) },
    "swin_b": classifier { swinB(numClasses: $0) },
    "swin_s": classifier { swinS(numClasses: $0) },
    "swin_t": classifier { swinT(numClasses: $0) },
    "swin_v2_b": classifier { swinV2B(numClasses: $0) },
    "swin_v2_s": classifier { swinV2S(numClasses: $0) },
    "swin_v2_t": classifier { swinV2T(numClasses: $0) },
    "vgg11": classifier { vgg11(numClasses: $0) },
    "vgg11_bn": classifier { vgg11BN(numClasses: $0) },
    "vgg13": classifier { vgg13(numClasses: $0) },
    "vgg13_bn": classifier { vgg13BN(numClasses: $0) },
    "vgg16": classifier { vgg16(numClasses: $0) },
    "vgg16_bn": classifier { vgg16BN(numClasses: $0) },
    "vgg19": classifier { vgg19(numClasses: $0) },
    "vgg19_bn": classifier { vgg19BN(numClasses: $0) },
    "vit_b_16": classifier { vitB16(numClasses: $0) },
    "vit_b_32": classifier { vitB32(numClasses: $0) },
    "vit_h_14": classifier { vitH14(numClasses: $0) },
    "vit_l_16": classifier { vitL16(numClasses: $0) },
    "vit_l_32": classifier { vitL32(numClasses: $0) },
    "wide_resnet101_2": classifier { wideResnet101x2(numClasses: $0) },
    "wide_resnet50_2": classifier { wideResnet50x2(numClasses: $0) },
  ]
}

extension Call {
  /// Weights have to be downloaded: none are at hand, and what names none is an error as in torchvision.
  fileprivate func refuseWeights() throws {
    ignore("progress")
    if let weights = try optionalString(nil, "weights") { throw CallError("\(name)(): no weights '\(weights)'") }
    if try bool(nil, "pretrained") { throw CallError("\(name)(): no pretrained weights are at hand") }
  }
}
