FalconInfer.launch()
