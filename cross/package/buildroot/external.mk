include $(sort $(wildcard $(BR2_EXTERNAL_LINE3_PATH)/package/*/*.mk))
