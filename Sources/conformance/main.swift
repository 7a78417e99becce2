import FlamebackTesting
import Foundation

let arguments = CommandLine.arguments
if arguments.count > 1, arguments[1] == "onnx" {
  exit(ONNXNodeTests.main(Array(arguments.dropFirst(2))))
}
exit(ConformanceCommand.main(arguments))
