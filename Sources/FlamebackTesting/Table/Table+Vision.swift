import Flameback
import FlamebackCore
import FlamebackKernels
import FlamebackVision

extension OperatorTable {
  static let vision: [String: Entry] = [visionOps, visionGeometry, visionColors].reduce(into: [:]) {
    $0.merge($1) { first, _ in first }
  }

  private static let visionOps: [String: Entry] = [
    "torchvision.ops.box_area": { call in
      .tensor(try call.tensor(0, "boxes").boxArea(format: try boxFormat(call, 1, "fmt") ?? .xyxy))
    },
    "torchvision.ops.box_convert": { call in
      guard let source = try boxFormat(call, 1, "in_fmt"), let target = try boxFormat(call, 2, "out_fmt") else {
        throw CallError("box_convert() needs two formats")
      }
      return .tensor(try call.tensor(0, "boxes").boxConvert(from: source, to: target))
    },
    "torchvision.ops.box_iou": { call in
      .tensor(
        try call.tensor(0, "boxes1").boxIoU(
          try call.tensor(1, "boxes2"), format: try boxFormat(call, 2, "fmt") ?? .xyxy))
    },
    "torchvision.ops.generalized_box_iou": { call in
      .tensor(try call.tensor(0, "boxes1").generalizedBoxIoU(try call.tensor(1, "boxes2")))
    },
    "torchvision.ops.distance_box_iou": { call in
      .tensor(
        try call.tensor(0, "boxes1").distanceBoxIoU(
          try call.tensor(1, "boxes2"), eps: try call.double(2, "eps", default: 1e-7)))
    },
    "torchvision.ops.complete_box_iou": { call in
      .tensor(
        try call.tensor(0, "boxes1").completeBoxIoU(
          try call.tensor(1, "boxes2"), eps: try call.double(2, "eps", default: 1e-7)))
    },
    "torchvision.ops.generalized_box_iou_loss": boxLoss { $0.generalizedBoxIoULoss($1, reduction: $2, eps: $3) },
    "torchvision.ops.distance_box_iou_loss": boxLoss { $0.distanceBoxIoULoss($1, reduction: $2, eps: $3) },
    "torchvision.ops.complete_box_iou_loss": boxLoss { $0.completeBoxIoULoss($1, reduction: $2, eps: $3) },
    "torchvision.ops.sigmoid_focal_loss": { call in
      .tensor(
        try call.tensor(0, "inputs").sigmoidFocalLoss(
          try call.tensor(1, "targets"), alpha: try call.double(2, "alpha", default: 0.25),
          gamma: try call.double(3, "gamma", default: 2), reduction: try visionReduction(call, 4)))
    },
    "torchvision.ops.clip_boxes_to_image": { call in
      let size = try call.ints(1, "size")
      return .tensor(try call.tensor(0, "boxes").clipBoxes(toHeight: size[0], width: size[1]))
    },
    "torchvision.ops.remove_small_boxes": { call in
      .tensor(try call.tensor(0, "boxes").removeSmallBoxes(minSize: try call.double(1, "min_size")))
    },
    "torchvision.ops.masks_to_boxes": { call in .tensor(try call.tensor(0, "masks").masksToBoxes()) },
    "torchvision.ops.nms": { call in
      .tensor(
        try call.tensor(0, "boxes").nms(
          scores: try call.tensor(1, "scores"), iouThreshold: try call.double(2, "iou_threshold")))
    },
    "torchvision.ops.batched_nms": { call in
      .tensor(
        try call.tensor(0, "boxes").batchedNMS(
          scores: try call.tensor(1, "scores"), indices: try call.tensor(2, "idxs"),
          iouThreshold: try call.double(3, "iou_threshold")))
    },
    "torchvision.ops.roi_align": { call in
      .tensor(
        try call.tensor(0, "input").roiAlign(
          try regions(call), outputSize: try call.ints(2, "output_size"),
          spatialScale: try call.double(3, "spatial_scale", default: 1),
          samplingRatio: try call.int(4, "sampling_ratio", default: -1), aligned: try call.bool(5, "aligned")))
    },
    "torchvision.ops.ps_roi_align": { call in
      .tensor(
        try call.tensor(0, "input").psRoIAlign(
          try regions(call), outputSize: try call.ints(2, "output_size"),
          spatialScale: try call.double(3, "spatial_scale", default: 1),
          samplingRatio: try call.int(4, "sampling_ratio", default: -1)))
    },
    "torchvision.ops.roi_pool": { call in
      .tensor(
        try call.tensor(0, "input").roiPool(
          try regions(call), outputSize: try call.ints(2, "output_size"),
          spatialScale: try call.double(3, "spatial_scale", default: 1)))
    },
    "torchvision.ops.ps_roi_pool": { call in
      .tensor(
        try call.tensor(0, "input").psRoIPool(
          try regions(call), outputSize: try call.ints(2, "output_size"),
          spatialScale: try call.double(3, "spatial_scale", default: 1)))
    },
    "torchvision.ops.deform_conv2d": { call in
      .tensor(
        try call.tensor(0, "input").deformConv2d(
          offset: try call.tensor(1, "offset"), weight: try call.tensor(2, "weight"),
          bias: try call.optionalTensor(3, "bias"), stride: try call.ints(4, "stride", default: [1]),
          padding: try call.ints(5, "padding", default: [0]), dilation: try call.ints(6, "dilation", default: [1]),
          mask: try call.optionalTensor(7, "mask")))
    },
    "torchvision.utils.make_grid": { call in
      let range = try call.optionalDoubles(4, "value_range")
      let images = call.isTensor(0, "tensor") ? try call.tensor(0, "tensor") : .stack(try call.tensors(0, "tensor"))
      return .tensor(
        makeGrid(
          images, perRow: try call.int(1, "nrow", default: 8), padding: try call.int(2, "padding", default: 2),
          normalize: try call.bool(3, "normalize"), valueRange: range.map { $0[0]...$0[1] },
          scaleEach: try call.bool(5, "scale_each"), padValue: try call.double(6, "pad_value", default: 0)))
    },
  ]

  private static func boxFormat(_ call: Call, _ position: Int, _ name: String) throws -> BoxFormat? {
    guard let text = try call.optionalString(position, name) else { return nil }
    guard let format = BoxFormat(rawValue: text) else { throw CallError("\(call.name)(): unknown format '\(text)'") }
    return format
  }

  private static func visionReduction(_ call: Call, _ position: Int) throws -> LossReduction {
    let name = try call.string(position, "reduction", default: "none")
    guard let reduction = LossReduction(rawValue: name) else {
      throw CallError("\(call.name)(): unknown reduction '\(name)'")
    }
    return reduction
  }

  private static func boxLoss(
    _ body: @escaping @Sendable (Tensor, Tensor, LossReduction, Double) -> Tensor
  ) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "boxes1"), try call.tensor(1, "boxes2"), try visionReduction(call, 2),
          try call.double(3, "eps", default: 1e-7)))
    }
  }

  /// Boxes [k, 5], or a list of boxes [n, 4].
  private static func regions(_ call: Call) throws -> Tensor {
    if call.isTensor(1, "boxes") { return try call.tensor(1, "boxes") }
    return Tensor.regions(try call.tensors(1, "boxes"))
  }

  private static func image(_ name: String, _ body: @escaping @Sendable (Tensor, Call) throws -> Tensor) -> (
    String, Entry
  ) {
    (
      "torchvision.transforms.v2.functional.\(name)",
      { call in .tensor(try body(try call.tensor(0, "inpt"), call)) }
    )
  }

  private static func images(_ name: String, _ body: @escaping @Sendable (Tensor, Call) throws -> [Tensor]) -> (
    String, Entry
  ) {
    (
      "torchvision.transforms.v2.functional.\(name)",
      { call in .tensors(try body(try call.tensor(0, "inpt"), call)) }
    )
  }

  private static func mode(_ call: Call, _ position: Int, _ fallback: InterpolationMode) throws -> InterpolationMode {
    guard let name = try call.optionalString(position, "interpolation") else { return fallback }
    guard let mode = InterpolationMode(rawValue: name) else {
      throw CallError("\(call.name)(): unknown interpolation '\(name)'")
    }
    return mode
  }

  private static func points(_ call: Call, _ position: Int, _ name: String) throws -> [[Double]] {
    guard let items = try call.value(position, name)?.items else { throw CallError("\(call.name)(): no \(name)") }
    return items.map { ($0.items ?? []).compactMap { $0.scalar?.double } }
  }

  private static let visionGeometry: [String: Entry] = Dictionary(
    uniqueKeysWithValues: [
      image("horizontal_flip") { x, _ in x.horizontalFlip() },
      image("vertical_flip") { x, _ in x.verticalFlip() },
      image("crop") {
        $0.crop(
          top: try $1.int(1, "top"), left: try $1.int(2, "left"), height: try $1.int(3, "height"),
          width: try $1.int(4, "width"))
      },
      image("center_crop") { $0.centerCrop(try $1.ints(1, "output_size")) },
      image("resized_crop") {
        $0.resizedCrop(
          top: try $1.int(1, "top"), left: try $1.int(2, "left"), height: try $1.int(3, "height"),
          width: try $1.int(4, "width"), size: try $1.ints(5, "size"),
          interpolation: try mode($1, 6, .bilinear), antialias: try $1.bool(7, "antialias", default: true))
      },
      images("five_crop") { $0.fiveCrop(try $1.ints(1, "size")) },
      images("ten_crop") { $0.tenCrop(try $1.ints(1, "size"), verticalFlip: try $1.bool(2, "vertical_flip")) },
      image("pad") { x, call in
        let name = try call.string(3, "padding_mode", default: "constant")
        guard let mode = ImagePadMode(rawValue: name) else { throw CallError("pad(): unknown mode '\(name)'") }
        return x.padImage(
          try call.ints(1, "padding"), fill: try call.optionalDoubles(2, "fill") ?? [0], mode: mode)
      },
      image("erase") {
        $1.ignore("inplace")
        return $0.erase(
          top: try $1.int(1, "i"), left: try $1.int(2, "j"), height: try $1.int(3, "h"), width: try $1.int(4, "w"),
          value: try $1.tensor(5, "v"))
      },
      image("resize") {
        $0.resize(
          try $1.ints(1, "size"), interpolation: try mode($1, 2, .bilinear),
          maxSize: try $1.optionalInt(3, "max_size"), antialias: try $1.bool(4, "antialias", default: true))
      },
      image("affine") {
        $0.affine(
          angle: try $1.double(1, "angle"), translate: try $1.optionalDoubles(2, "translate") ?? [],
          scale: try $1.double(3, "scale"), shear: try $1.optionalDoubles(4, "shear") ?? [],
          interpolation: try mode($1, 5, .nearest), fill: try $1.optionalDoubles(6, "fill"),
          center: try $1.optionalDoubles(7, "center"))
      },
      image("rotate") {
        $0.rotate(
          try $1.double(1, "angle"), interpolation: try mode($1, 2, .nearest), expand: try $1.bool(3, "expand"),
          center: try $1.optionalDoubles(4, "center"), fill: try $1.optionalDoubles(5, "fill"))
      },
      image("perspective") {
        $0.perspective(
          startPoints: try points($1, 1, "startpoints"), endPoints: try points($1, 2, "endpoints"),
          interpolation: try mode($1, 3, .bilinear), fill: try $1.optionalDoubles(4, "fill"))
      },
    ])

  private static let visionColors: [String: Entry] = Dictionary(
    uniqueKeysWithValues: [
      image("to_dtype") {
        $0.toDType(try $1.optionalDType(1, "dtype") ?? .float32, scale: try $1.bool(2, "scale"))
      },
      image("normalize") {
        $1.ignore("inplace")
        return $0.normalize(
          mean: try $1.optionalDoubles(1, "mean") ?? [], std: try $1.optionalDoubles(2, "std") ?? [])
      },
      image("rgb_to_grayscale") {
        $0.rgbToGrayscale(outputChannels: try $1.int(1, "num_output_channels", default: 1))
      },
      image("grayscale_to_rgb") { x, _ in x.grayscaleToRGB() },
      image("adjust_brightness") { $0.adjustBrightness(try $1.double(1, "brightness_factor")) },
      image("adjust_contrast") { $0.adjustContrast(try $1.double(1, "contrast_factor")) },
      image("adjust_saturation") { $0.adjustSaturation(try $1.double(1, "saturation_factor")) },
      image("adjust_sharpness") { $0.adjustSharpness(try $1.double(1, "sharpness_factor")) },
      image("adjust_hue") { $0.adjustHue(try $1.double(1, "hue_factor")) },
      image("adjust_gamma") {
        $0.adjustGamma(try $1.double(1, "gamma"), gain: try $1.double(2, "gain", default: 1))
      },
      image("autocontrast") { x, _ in x.autocontrast() },
      image("equalize") { x, _ in x.equalize() },
      image("invert") { x, _ in x.invert() },
      image("posterize") { $0.posterize(bits: try $1.int(1, "bits")) },
      image("solarize") { $0.solarize(threshold: try $1.double(1, "threshold")) },
      image("gaussian_blur") {
        $0.gaussianBlur(kernelSize: try $1.ints(1, "kernel_size"), sigma: try $1.optionalDoubles(2, "sigma"))
      },
    ])
}
