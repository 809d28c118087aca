FalconServe.launch()
