package chatapi

// ChannelService tells the state of the channel. See [Client.Channel].
type ChannelService service

// ProfileService reads the business profile. See [Client.Profile].
type ProfileService service
